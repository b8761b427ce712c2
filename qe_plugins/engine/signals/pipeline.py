"""The bridge from plugins to strategies: wishes in, one resolved signal a contract out.

Signals go out as Nautilus custom data of the type `Signal`: a strategy hears them with
`self.subscribe_data(DataType("Signal"))`, in `on_data`, as `data.data`, before the bar itself.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.common import DataActor
from nautilus_trader.model import Bar, BarType, CustomData, DataType

from qe_plugins.engine.signals.session_events import SessionCloseDetector, SessionOpenTimer
from qe_plugins.errors import StrategyError, did_you_mean
from qe_plugins.journal.facts import FactKind
from qe_plugins.plugins.types import Signal

if TYPE_CHECKING:
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.plugins import HookResult

log = logging.getLogger(__name__)

SIGNALS = DataType("Signal")


class SignalPipeline(DataActor):
    """Asks the plugins at every bar. Runs like any actor, hosted, so that it cannot fail silently.

    `bar_types` are all of the tape's; where no plugin wants bars, none is subscribed.
    """

    _floor: RunContext

    def __init__(self, bar_types: Iterable[str]) -> None:
        super().__init__()
        self._bar_types = [BarType.from_str(text) for text in bar_types]
        plugins = self._floor.plugins
        self._asker = plugins.caller("contribute_signals")
        self._resolve = plugins.caller("resolve_signals")
        self._sessions = SessionCloseDetector(self._floor)
        self._house = self._floor.house
        cache, history = self._floor.cache_view, self._floor.history
        self._given: dict[str, Any] = {"cache": cache, "history": history}
        self._instruments = self._floor.instruments
        self._missing: set[tuple[str, str]] = set()

    def on_start(self) -> None:
        self._greet()
        SessionOpenTimer(self._floor, self.clock).start()
        if self._floor.hears or self._floor.house.deaf:
            self._floor.circles.lead(self, self._bar_types)
            for bar_type in self._bar_types:
                self._floor.house.hears(bar_type.instrument_id)

    def on_bar(self, bar: Bar) -> None:
        if self._house.watching:
            self._house.check(bar)
        if self._sessions.wanted:
            self._sessions.tick(bar)
        if self._asker is not None:
            self._given["bar"] = bar
            answers = self._asker.call_quietly(self._given)
            if answers:
                self._hear(answers, bar)

    def finish(self) -> None:
        """Close the last trade and the last session. Call when the run is over."""
        if self._floor.observers.wants("trade_closed"):
            self._floor.office.book_until()
        self._sessions.close()

    def _greet(self) -> None:
        floor = self._floor
        given = {"cache": floor.cache_view, "portfolio": floor.portfolio}
        answers = floor.plugins.call("engine_started", **given)
        for answer in answers:
            if answer.error is not None:
                details = "".join(traceback.format_exception(answer.error)).rstrip()
                who = f"plugin {answer.plugin}"
                raise StrategyError(who, answer.error, at="engine_started", details=details)

    def _hear(self, answers: list[HookResult], bar: Bar) -> None:
        """Journal what the plugins wish for, and publish what comes of it contract by contract."""
        votes = self._votes(answers, bar)
        if len(votes) == 1:
            self._publish(bar, votes)
            return
        for instrument_id in dict.fromkeys([vote.instrument_id for vote in votes]):
            self._publish(bar, [v for v in votes if v.instrument_id == instrument_id])

    def _votes(self, answers: list[HookResult], bar: Bar) -> list[Signal]:
        """Return what the plugins wish for at this bar, stamped and remembered, in call order."""
        recorder, ts = self._floor.recorder, bar.ts_event
        votes: list[Signal] = []
        for answer in answers:
            if answer.error is not None:
                self._fails(answer.plugin, "contribute_signals", answer.error, ts)
                continue
            given = answer.value
            for wish in (given,) if isinstance(given, Signal) else given:
                if self._instruments[wish.instrument_id] is None:
                    self._unknown(answer.plugin, wish.instrument_id, ts)
                else:
                    votes.append(stamped(wish, recorder.new_id(FactKind.VOTE), answer.plugin, ts))
        if votes:
            recorder.voted(bar, votes)
        return votes

    def _unknown(self, plugin: str, name: str, ts: int) -> None:
        """Count a signal for a contract that the data do not have; say so once for each."""
        self._floor.plugins.failed(plugin, "contribute_signals")
        if (plugin, name) in self._missing:
            return
        self._missing.add((plugin, name))
        known = sorted({str(bar_type.instrument_id) for bar_type in self._bar_types})
        hint = did_you_mean(name, known) or f"There is {', '.join(known[:3])}."
        error = ValueError(f"no contract {name} here. {hint}")
        log.error("%s, contribute_signals: %s", plugin, error)
        self._fails(plugin, "contribute_signals", error, ts)

    def _publish(self, bar: Bar, votes: list[Signal]) -> None:
        """Resolve the votes for one contract and publish what comes of them, if anything."""
        answer = self._resolved(votes, bar.ts_event)
        if answer is None:
            return
        recorder = self._floor.recorder
        signal = stamped(
            answer.value, recorder.new_id(FactKind.SIGNAL), answer.plugin, bar.ts_event
        )
        recorder.signal(signal, votes)
        self.publish_data(SIGNALS, CustomData(SIGNALS, signal))

    def _resolved(self, votes: list[Signal], ts: int) -> HookResult | None:
        if self._resolve is None:
            return None
        contract = votes[0].instrument_id
        given = {
            "signals": votes,
            "instrument": self._instruments[contract],
            "portfolio": self._floor.portfolio,
        }
        for answer in self._resolve.call_quietly(given):
            if answer.error is not None:
                self._fails(answer.plugin, "resolve_signals", answer.error, ts)
            elif answer.value is not None and answer.value.instrument_id != contract:
                error = ValueError(f"was asked about {contract}, not {answer.value.instrument_id}")
                self._fails(answer.plugin, "resolve_signals", error, ts)
            elif answer.value is not None:
                return answer
        return None

    def _fails(self, plugin: str, hook: str, error: BaseException, ts: int) -> None:
        self._floor.recorder.failure(plugin, hook, error, ts)


def stamped(signal: Signal, signal_id: str, source: str, ts: int) -> Signal:
    """Return `signal` with what the bridge knows and a plugin does not."""
    return msgspec.structs.replace(signal, id=signal_id, source=source, ts_event=ts)
