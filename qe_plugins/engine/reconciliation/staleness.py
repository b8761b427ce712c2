"""Stale market data: ask again once, then halt, and go on asking once a minute.

After a 1101 the broker streams nothing until it is asked again, and says nothing more about it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from qe_plugins.engine.reconciliation.actions import Action, HaltTrading, RaiseAlarm, Resubscribe

SECOND = 1_000_000_000


class StaleSettings(msgspec.Struct, frozen=True):
    """Limits in seconds: the age of a quote, the lateness of a bar, and the wait after asking.

    `again` is between two questions once that wait is over.
    """

    quote_age: float = 5.0
    bar_late: float = 10.0
    wait: float = 10.0
    again: float = 60.0


class _Stream(msgspec.Struct):
    last_quote: int
    due: dict[str, int]
    every: dict[str, int]
    asked: int | None = None
    halted: bool = False


class StaleWatch:
    """The age of quotes and bars by contract; times are UTC nanoseconds.

    `is_open(contract, at)` says whether the contract trades; only then can data be stale.
    """

    def __init__(
        self, is_open: Callable[[str, int], bool], settings: StaleSettings | None = None
    ) -> None:
        self._is_open, self._settings = is_open, settings or StaleSettings()
        self._streams: dict[str, _Stream] = {}

    def expect(self, contract: str, now: int, bars: dict[str, float] | None = None) -> None:
        """Expect quotes of a contract from now on, and bars by name every so many seconds."""
        every = {name: int(seconds * SECOND) for name, seconds in (bars or {}).items()}
        due = {name: (now // step + 1) * step for name, step in every.items()}
        self._streams[contract] = _Stream(now, due, every)

    def quote(self, contract: str, now: int) -> None:
        """Note a quote that arrived."""
        if (stream := self._streams.get(contract)) is not None:
            stream.last_quote = max(now, stream.last_quote)

    def bar(self, contract: str, name: str, closed: int) -> None:
        """Note a bar that closed at `closed`."""
        stream = self._streams.get(contract)
        if stream is not None and name in stream.every:
            stream.due[name] = max(stream.due[name], closed + stream.every[name])

    def not_asked_for(self, contract: str, name: str, now: int) -> None:
        """Note that bars are not asked for yet, so that none before `now` is late."""
        stream = self._streams.get(contract)
        if stream is not None and (step := stream.every.get(name)):
            stream.due[name] = max(stream.due[name], (now // step + 1) * step)

    def data_lost(self, now: int) -> list[Action]:
        """Return what a 1101 causes: every stream is asked for again at once.

        Also one that was asked for during the outage: the 1101 ended that subscription, too.
        """
        return [
            action
            for name, stream in self._streams.items()
            if stream.asked != now
            for action in self._ask(name, stream, now, "1101: the broker lost the streams")
        ]

    def check(self, now: int) -> list[Action]:
        """Return what the age of data causes at `now`. Call about once a second."""
        found: list[Action] = []
        for name, stream in self._streams.items():
            if stream.asked is not None:
                stream.asked = min(stream.asked, now)  # the clock was set back
            stream.last_quote = min(stream.last_quote, now)
            if not self._is_open(name, now):
                stream.last_quote = now
                for bars in stream.every:
                    self.not_asked_for(name, bars, now)
                continue
            why, wait = self._stale(stream, now)
            if not why:
                if stream.asked is None or stream.last_quote > stream.asked:
                    stream.asked, stream.halted = None, False
            elif stream.asked is None:
                found += self._ask(name, stream, now, why)
            elif now - stream.asked > wait and not stream.halted:
                stream.halted = True
                found.append(
                    HaltTrading(f"stale:{name}", f"{name}: {why}, also after asking again")
                )
            elif now - stream.asked > max(wait, int(self._settings.again * SECOND)):
                stream.asked = now
                found.append(Resubscribe(name, why))
        return found

    def resumed(self) -> None:
        """Note that a person ended a halt: what is still stale is asked for, and halts, again."""
        for stream in self._streams.values():
            stream.asked, stream.halted = None, False

    def is_stale(self, contract: str, now: int) -> bool:
        """Return whether a contract's data are stale at `now`, while it trades."""
        stream = self._streams.get(contract)
        return (
            stream is not None
            and self._is_open(contract, now)
            and self._stale(stream, now)[0] != ""
        )

    @property
    def contracts(self) -> list[str]:
        """Return the contracts whose data are expected."""
        return list(self._streams)

    def _ask(self, contract: str, stream: _Stream, now: int, why: str) -> list[Action]:
        stream.asked, stream.halted = now, False
        text = f"{contract}: {why}; its market data are asked for again"
        return [Resubscribe(contract, why), RaiseAlarm(f"stale:{contract}", text)]

    def _stale(self, stream: _Stream, now: int) -> tuple[str, int]:
        """Return why a stream is stale, empty if it is not, and how long to wait after asking."""
        wait = int(self._settings.wait * SECOND)
        age = (now - stream.last_quote) / SECOND
        if age > self._settings.quote_age:
            return f"the last quote is {age:.0f} s old", wait
        for name, due in stream.due.items():
            late = (now - due) / SECOND
            if late > self._settings.bar_late:  # the next bar may come: a minute can be silent
                return f"the bar {name} is {late:.0f} s late", max(wait, stream.every[name])
        return "", wait
