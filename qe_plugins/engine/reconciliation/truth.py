"""That our book is the broker's, or trading is halted: what each answer of the broker causes.

Pure: it is given times, both books and events, and returns actions. A rejection counts once two
answers of the broker, a second apart, confirm it; nothing is ever sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from qe_plugins.engine.reconciliation.actions import (
    Action,
    AdoptOrder,
    BeginAgain,
    CancelOrder,
    HaltTrading,
    NewActions,
    RaiseAlarm,
)
from qe_plugins.engine.reconciliation.answers import BrokerAnswer, Unknown
from qe_plugins.engine.reconciliation.book import BookOrder, BookState, OwnBook
from qe_plugins.engine.reconciliation.comparison import (
    FILLED,
    MISSING,
    UNRESOLVED,
    BookDifference,
    BookScope,
    BookVerdict,
    Comparison,
    compare,
)
from qe_plugins.engine.reconciliation.degraded import DegradedState, Doubt
from qe_plugins.engine.reconciliation.protection import ProtectionWatch, left_to_a_person, stops_of
from qe_plugins.engine.reconciliation.truth_settings import TruthSettings
from qe_plugins.ib_client.records import BrokerSnapshot

SECOND = 1_000_000_000
LOST, BROKEN, DATA_LOST, RESTORED, GONE = 1100, 2110, 1101, 1102, 0
"""IB's codes, and 0 for a connection to the gateway that is lost."""

REPEAT = 600 * SECOND
"""Nanoseconds in which the same unconfirmed event causes one alarm."""


class _Look(msgspec.Struct):
    """An event that is being confirmed: the differences of its first answer, and when that was."""

    why: str
    since: int
    first: frozenset[str] | None = None
    at: int = 0


class TruthLoop:
    """The state between looks. Not thread-safe: for the trading thread.

    `degraded` says whether entries and modifications are refused. `is_open(contract, at)` says
    whether a contract trades: without an answer of the broker a session halts only then.
    """

    def __init__(
        self,
        scope: BookScope,
        settings: TruthSettings | None = None,
        *,
        is_open: Callable[[str, int], bool] = lambda contract, at: True,
        now: int = 0,
    ) -> None:
        self.scope, self.settings = scope, settings or TruthSettings()
        self.degraded = DegradedState(now)
        self.last: Comparison | None = None
        self.known_executions: set[str] = set()
        self.adopted: set[int] = set()
        self.written_off: set[str] = set()
        self._is_open = is_open
        self._protection = ProtectionWatch(self.settings.protect)
        self._is_exposed = False
        self._foreign: set[str] = set()
        self._seen: dict[str, int] = {}
        self._once = NewActions()
        self._looks: list[_Look] = []
        self._looked: dict[str, int] = {}
        self._asked: int | None = None
        self._answered = self._equal_at = self._now = now
        self._lost = 0
        self._live: frozenset[str] = frozenset()

    def confirm(self, why: str, now: int) -> None:
        """Have two answers confirm a rejection, a time-out, an unknown id or a synthetic fill."""
        if any(one.why == why for one in self._looks):
            return  # it is being checked
        self._looks.append(_Look(why, now))
        self.degraded.set(Doubt.LOOK, now)
        self._asked = None

    def event(self, code: int, now: int) -> list[Action]:
        """Note what the broker said by itself, such as 1100; return what it causes."""
        if code in (LOST, BROKEN, GONE):
            self.degraded.set(Doubt.CONNECTION, now)
            self._lost = now
            what = f"the gateway lost IB ({code})" if code else "the gateway is gone"
            alarm = RaiseAlarm(
                "connection", f"{what}: no entry and no modification until both books agree"
            )
            return self._once.new("connection", [alarm])
        if code in (DATA_LOST, RESTORED):
            self.confirm(f"reconnected ({code})", now)
        return []

    def due(self, now: int) -> bool:
        """Return whether the broker shall be asked now; note that it is."""
        self._set_back(now)
        settings = self.settings
        step = settings.exposed if self._is_exposed else settings.every
        if self._looks or self._seen or self.degraded.doubts or self._protection.problems:
            step = settings.gap
        if self._asked is not None and now - self._asked < int(step * SECOND):
            return False
        self._asked = now
        return True

    def take(
        self,
        book: OwnBook,
        answer: BrokerAnswer[BrokerSnapshot],
        now: int,
        prices: dict[str, Decimal] | None = None,
    ) -> list[Action]:
        """Return what the broker's answer causes. `book` is ours at the time of the answer."""
        self._set_back(now)
        if isinstance(answer, Unknown):
            self.degraded.set(Doubt.NO_ANSWER, now)
            alarms = self._once.new("no answer", [RaiseAlarm("no answer", answer.reason)])
            return alarms + self.tick(now)
        snapshot = answer.value
        self._answered = max(self._answered, answer.at)
        self._live = frozenset(one.ref for one in snapshot.open_orders if one.ref)
        self.degraded.clear(Doubt.NO_ANSWER)
        if answer.at >= self._lost:
            self.degraded.clear(Doubt.CONNECTION)
            self._once.new("connection", [])
        for group in ("no answer", "blind"):
            self._once.new(group, [])
        comparison = compare(
            book,
            snapshot,
            self.scope,
            known_executions=self.known_executions,
            adopted=self.adopted,
            written_off=self.written_off,
        )
        self.last = comparison
        self._is_exposed = bool(snapshot.open_orders or any(book.nets.values()))
        self._note_executions(book, snapshot)
        found = self._once.new("findings", self._differences(comparison, now))
        found += self._conclude(comparison, answer.at, now)
        return found + self._protect(book, snapshot, now, prices or {})

    def tick(self, now: int) -> list[Action]:
        """Return what the time causes by itself. Call about once a second."""
        self._set_back(now)
        silent = (now - self._answered) / SECOND
        if silent <= self.settings.blind:
            return []
        self.degraded.set(Doubt.NO_ANSWER, now)
        if not any(self._is_open(contract, now) for contract in self.scope.contracts):
            return []
        text = f"the broker has not answered for {self.settings.blind:g} s: its book is unknown"
        return self._once.new("blind", [HaltTrading("blind", text)])

    def resumed(self) -> None:
        """Note that a person ended a halt: what still holds raises its alarm and halts again."""
        self._once.forget()

    def is_unresolved(self, order: BookOrder) -> bool:
        """Return whether an order that our book has as unfinished may have ended at the broker.

        It is resolved where the last complete answer lists it as live, or where it was acknowledged
        after the broker was asked. What was sent and not acknowledged is never resolved, nor is
        anything while the broker does not answer.
        """
        if order.state is BookState.IN_FLIGHT:
            return True
        if Doubt.CONNECTION in self.degraded or Doubt.NO_ANSWER in self.degraded:
            return True
        return order.since <= self._answered and order.ref not in self._live

    @property
    def is_equal(self) -> bool:
        """Return whether our book was the broker's at the last complete look."""
        return self.last is not None and self.last.verdict is BookVerdict.MATCHED

    def _set_back(self, now: int) -> None:
        """Take every time that is past `now` for now, where the clock was set back.

        Otherwise nothing would be asked, found or protected until the clock is there again.
        """
        if now < self._now:
            self._asked = None
            self._answered, self._equal_at = min(self._answered, now), min(self._equal_at, now)
            self._lost = min(self._lost, now)
            self._seen = {key: min(at, now) for key, at in self._seen.items()}
            self._looked = {why: min(at, now) for why, at in self._looked.items()}
            for look in self._looks:
                look.since, look.at = min(look.since, now), min(look.at, now)
            self._protection.set_back(now)
        self._now = now

    def _differences(self, comparison: Comparison, now: int) -> list[Action]:
        """Return what the differences cause that an earlier look has seen, too."""
        self._seen = {key: self._seen.get(key, now) for key in comparison.keys}
        verdicts = {one.verdict for one in comparison.findings}
        is_different = bool(verdicts - {BookVerdict.UNRESOLVED})
        self.degraded.put(Doubt.DIFFERENCE, is_different, now)
        self.degraded.put(Doubt.UNRESOLVED, BookVerdict.UNRESOLVED in verdicts, now)
        if not verdicts:
            self.degraded.clear(Doubt.START)
        found: list[Action] = []
        for finding in comparison.findings:
            age = now - self._seen[finding.key]
            if age >= int(self.settings.gap * SECOND):
                found += self._about(finding, age / SECOND)
        found += self._ghosts(comparison, now)
        found += self._stuck(comparison, now)
        if not is_different:
            self._equal_at = now
        elif now - self._equal_at >= int(self.settings.heal * SECOND):
            what = f"for {self.settings.heal:g} s: {comparison.text}"
            found.append(HaltTrading("differs", f"our book is not the broker's {what}"))
        return found

    def _ghosts(self, comparison: Comparison, now: int) -> list[Action]:
        """Write off orders that the engine took up as working and that the broker does not have.

        So it is at a start after executions that the broker never reports. Only where nothing else
        differs: what is held is the broker's, and an order that it does not list cannot fill.
        """
        lasted = int(self.settings.ghost * SECOND)
        keys = comparison.keys
        if Doubt.START not in self.degraded or not all(
            key.startswith(MISSING) and now - self._seen[key] >= lasted for key in keys
        ):
            return []
        self.written_off |= {one.ref for one in comparison.findings}
        text = "and nothing else differs: it counts as ended"
        return [
            RaiseAlarm(f"written off:{one.ref}", f"{one.what}, {text}")
            for one in comparison.findings
        ]

    def _stuck(self, comparison: Comparison, now: int) -> list[Action]:
        """Begin again where orders are open in our book alone, and the engine does not end them.

        So it is after a gateway has dropped what it had to say of a market order that filled, and a
        person closed: the orders that IB lists as completed have no price, without which 2.0.0rc7
        books no fill. Only where nothing is held and nothing works at the broker, and not in a
        session that has begun with it: to begin again is no remedy then.
        """
        lasted = int(self.settings.stuck * SECOND)
        is_stuck = bool(comparison.findings) and all(
            key.startswith((FILLED, MISSING, UNRESOLVED)) and now - self._seen[key] >= lasted
            for key in comparison.keys
        )
        if not is_stuck or self._is_exposed or Doubt.START in self.degraded:
            return []
        why = f"for {self.settings.stuck:g} s nothing is held, and {comparison.text}"
        return [BeginAgain("stuck", why)]

    def _about(self, finding: BookDifference, age: float) -> list[Action]:
        """Return what a difference causes that has been there for `age` seconds."""
        verdict = finding.verdict
        alarm = RaiseAlarm(finding.key, finding.what)
        halt = HaltTrading(finding.key, f"our book is not the broker's: {finding.what}")
        if verdict is BookVerdict.ORPHAN:
            return [alarm, self._orphan(finding), halt]
        if verdict is BookVerdict.FOREIGN and finding.exec_id:
            self._foreign.add(finding.contract)
        if verdict is BookVerdict.FOREIGN or finding.key.startswith("twice:"):
            return [alarm, halt]
        is_late = verdict is BookVerdict.UNRESOLVED and age >= self.settings.unresolved
        return [alarm, halt] if is_late else [alarm]  # the engine may correct it: `_differences`

    def _orphan(self, finding: BookDifference) -> Action:
        """Return the adoption or the cancellation of an order that our book has as ended."""
        why = "our book has it as ended"
        if self.settings.orphans == "cancel":
            return CancelOrder(finding.perm_id, finding.ref, finding.contract, why)
        self.adopted.add(finding.perm_id)
        return AdoptOrder(finding.perm_id, finding.ref, finding.contract, why)

    def _conclude(self, comparison: Comparison, asked: int, now: int) -> list[Action]:
        """End the looks that two answers after the event, a gap apart, have settled.

        `asked` is when the broker was asked (UTC ns): an answer from before the event settles
        nothing.
        """
        left: list[_Look] = []
        found: list[Action] = []
        for look in self._looks:
            if asked < look.since:
                left.append(look)
            elif look.first is None or look.first != comparison.keys:
                look.first, look.at = comparison.keys, now
                left.append(look)
            elif now - look.at < int(self.settings.gap * SECOND):
                left.append(look)
            else:
                text = f"checked twice with the broker: {look.why}: {comparison.text}"
                is_urgent = bool(comparison.findings)
                if now - self._looked.get(look.why, -REPEAT) >= REPEAT:
                    found.append(RaiseAlarm(f"look:{look.why}", text, is_urgent))
                self._looked = {w: at for w, at in self._looked.items() if now - at < REPEAT}
                self._looked[look.why] = now
        self._looks = left
        self.degraded.put(Doubt.LOOK, bool(left), now)
        return found

    def _protect(
        self, book: OwnBook, snapshot: BrokerSnapshot, now: int, prices: dict[str, Decimal]
    ) -> list[Action]:
        found: list[Action] = []
        for contract in sorted(self.scope.contracts):
            stops = stops_of(contract, snapshot, book)
            if not stops.net:
                self._foreign.discard(contract)
            actions = self._protection.check(stops, book, now, prices.get(contract))
            if contract in self._foreign:
                actions = left_to_a_person(actions, stops)
            reported: list[Action] = [
                one for one in actions if isinstance(one, RaiseAlarm | HaltTrading)
            ]
            found += self._once.new(f"protection:{contract}", reported)
            found += [one for one in actions if one not in reported]
        return found

    def _note_executions(self, book: OwnBook, snapshot: BrokerSnapshot) -> None:
        """Count the executions of a contract as known while both books hold the same of it."""
        for contract in self.scope.contracts:
            if book.net(contract) == snapshot.position(contract):
                self.known_executions |= {
                    one.exec_id for one in snapshot.executions if one.local_symbol == contract
                }
