"""Record the decisions of a run in order, and find where two runs differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
from nautilus_trader.model import Bar, CustomData

from qe_plugins.engine.hosting.exceptions import ExceptionTrap, describe_event
from qe_plugins.engine.recording.recorder import Recorder
from qe_plugins.plugins.types import OrderRequest, Signal, Size

CHANGING = ("event_id", "ts_event", "ts_init", "causation_id")
"""Fields of Nautilus' events that differ from run to run, or that a decision has already."""

OPENING = "opening"
"""The kind of an entry that is no decision: a file of the original data was opened."""

RANDOM = "EXPIRATION-"
"""The prefix of ids that Nautilus draws at random."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision, or an event that followed from one. `ts` is its time (UTC ns).

    `source` is a plugin or a strategy, `bar` the bar type (or the kind of event) that was being
    handled, `bar_ts` its time; `what` has all fields of the decision as text.
    """

    ts: int
    kind: str
    source: str
    contract: str
    bar: str
    bar_ts: int
    what: str

    @property
    def where(self) -> str:
        """Return the bar or event that was handled, and its time."""
        return f"{self.bar or self.contract} {utc(self.bar_ts)}".strip()


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first decision in which two runs differ, in each run; None if it is missing there.

    `culprit` is the decision whose source is reported.
    """

    culprit: Decision
    first: Decision | None
    second: Decision | None


class DecisionRecorder(Recorder):
    """A recorder that also lists each decision of a run.

    `exception_trap` and `clock` are those of the run, set before its first event. `opened` returns
    the original data files that were opened since its last call.
    """

    follows_orders: ClassVar[bool] = True
    exception_trap: ExceptionTrap
    clock: Any

    def __init__(self, opened: Callable[[], list[str]] | None = None) -> None:
        super().__init__()
        self.decisions: list[Decision] = []
        self._opened = opened
        self._bar: Bar | None = None
        self._sent: set[str] = set()

    def order_sent(self, order: Any, event: object) -> None:
        super().order_sent(order, event)
        self._sent.add(order.client_order_id.value)
        self._note_order("order", order.init_event)

    def order_event(self, event: Any) -> None:
        kind = type(event).__name__
        if kind != "OrderInitialized":
            self._note_order(kind, event)
        elif event.client_order_id.value not in self._sent:
            self._note_order("order", event)

    def voted(self, bar: Bar, votes: Sequence[Signal]) -> None:
        super().voted(bar, votes)
        self._bar = bar
        for vote in votes:
            self._note("vote", vote.source, vote.instrument_id, text_of(vote))

    def signal(self, signal: Signal, votes: Sequence[Signal]) -> None:
        super().signal(signal, votes)
        self._note("signal", signal.source, signal.instrument_id, text_of(signal))

    def size(self, signal: Signal, size: Size, source: str, ts: int) -> None:
        super().size(signal, size, source, ts)
        self._note("size", source, signal.instrument_id, text_of(size))

    def veto(self, order: OrderRequest, plugin: str, reason: str) -> None:
        super().veto(order, plugin, reason)
        self._note("veto", plugin, order.instrument_id, f"{reason} {text_of(order)}")

    def failure(self, plugin: str, hook: str, error: BaseException, ts: int) -> None:
        self.note_failure(plugin, f"{hook} raised {type(error).__name__}: {error}")
        super().failure(plugin, hook, error, ts)

    def note_failure(self, source: str, what: str) -> None:
        """Record that a plugin or a strategy raised."""
        self._note("failure", source, "", what)

    def _note_order(self, kind: str, event: Any) -> None:
        fields = {n: v for n, v in event.to_dict().items() if v is not None and n not in CHANGING}
        fields = {n: RANDOM if str(v).startswith(RANDOM) else v for n, v in fields.items()}
        strategy, contract = fields.pop("strategy_id", ""), fields.pop("instrument_id", "")
        self._note(kind, strategy, contract, text_of(fields))

    def note_opened_files(self, source: str) -> None:
        """Record the files opened since the last call, attributed to `source`."""
        for file in self._opened() if self._opened is not None else ():
            self._append(OPENING, source, "", file)

    def _note(self, kind: str, source: str, contract: str, what: str) -> None:
        self.note_opened_files(source)
        self._append(kind, source, contract, what)

    def _append(self, kind: str, source: str, contract: str, what: str) -> None:
        handled = self.exception_trap.current_event
        if self._bar is not None and isinstance(handled, CustomData):
            handled = self._bar  # a signal is published while the bar behind it is handled
        if isinstance(handled, Bar):
            bar, bar_ts = str(handled.bar_type), handled.ts_event
        else:
            bar, bar_ts = _event_label(handled), getattr(handled, "ts_event", 0)
        now = self.clock.timestamp_ns()
        self.decisions.append(
            Decision(
                ts=now,
                kind=kind,
                source=source,
                contract=contract,
                bar=bar,
                bar_ts=bar_ts or now,
                what=what,
            )
        )


def text_of(fields: Any) -> str:
    """Return the fields of a record or a mapping as one line of JSON with sorted keys."""
    return msgspec.json.encode(fields, order="sorted", enc_hook=str).decode()


def difference(first: Sequence[Decision], second: Sequence[Decision]) -> Difference | None:
    """Return the first decision in which two runs differ, None if they are equal.

    If one of the two decisions occurs later in the other run, the other one is the culprit.
    """
    at = next((n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
    if at is None:
        if len(first) == len(second):
            return None
        at = min(len(first), len(second))
    one = first[at] if at < len(first) else None
    other = second[at] if at < len(second) else None
    if one is not None and one in second[at:]:
        one = None
    elif other is not None and other in first[at:]:
        other = None
    culprit = one or other
    assert culprit is not None
    return Difference(culprit=culprit, first=one, second=other)


def utc(ts: int) -> str:
    """Return a time (UTC ns) to the second: `2013-10-07 14:31:00Z`."""
    return f"{datetime.fromtimestamp(ts // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S}Z"


def _event_label(event: object) -> str:
    if event is None:
        return ""
    contract = getattr(event, "instrument_id", None)
    if contract is not None:
        return f"{type(event).__name__} of {contract}"
    return describe_event(event) if not hasattr(event, "ts_event") else type(event).__name__
