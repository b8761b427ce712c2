"""Rerun a session as a backtest, under the halts and postures that it was under."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins.config.loader import Loaded
from qe_plugins.data.tape import Tape
from qe_plugins.engine.live.recorded_halts import RecordedHalt, RecordedLatch, is_halt_veto
from qe_plugins.engine.live.recorded_history import (
    RecordedHistory,
    recalling,
    recalling_pipeline,
)
from qe_plugins.engine.live.rung_watch import apply_rung
from qe_plugins.engine.live.stream import moments
from qe_plugins.engine.results.collect import collect_result
from qe_plugins.engine.risk.entry_cancellation import cancel_entries
from qe_plugins.engine.risk.gate import LADDER
from qe_plugins.engine.risk.posture_watch import posture_of
from qe_plugins.engine.running.assembly import Hosting
from qe_plugins.engine.running.backtest import process, stream
from qe_plugins.engine.running.build import BuiltRun, build
from qe_plugins.engine.running.prepare import PreparedRun, prepare
from qe_plugins.engine.running.source_hashes import source_hashes
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import OrderRequest
from qe_plugins.research.parity.broker_refusals import RulesOfThen, refusals_of_then

CHANGES = frozenset({FactKind.POSTURE, FactKind.RUNG})
"""Kinds of facts that a rerun is under, beside halts."""


class Rerun(msgspec.Struct, frozen=True, kw_only=True):
    """A backtest of a session: its facts, and the hash of each source.

    `strategies` has the name in the configuration of each strategy id.
    """

    facts: list[Fact]
    code: dict[str, str]
    strategies: dict[str, str]


def rerun(
    loaded: Loaded,
    tape: Tape,
    under: Sequence[Fact],
    files: Sequence[Path],
    history: RecordedHistory,
) -> Rerun:
    """Run a backtest of a configuration on a tape; `files` are the Databento files behind it.

    Halts, postures and changes of the rung among the facts `under` take effect when they did, and
    what the broker's account refused is refused. Components receive the bars of `history` as such.
    Raises as `running.backtest.run` does.
    """
    prepared = prepare(loaded, tape=tape, files=files)
    latch = _HaltsOfThen(under)
    changes = latch.used or any(fact.kind in CHANGES for fact in under)
    hosting = None
    if history.bars:
        hosting = Hosting(recalling_pipeline(history), None, partial(recalling, history=history))
    built = build(prepared, latch=latch if latch.used else None, hosting=hosting)
    history.rerun_names = _names(prepared, built)
    built.context.gate.rung_refusal = _ladder_of_then(under)
    if refused := refusals_of_then(under):
        built.context.rules = RulesOfThen(built.context.rules, refused)
    try:
        stream(built, tape, None, _feed_under(latch, under) if changes else None)
        answers = built.context.observers.close()
        started = datetime.now(UTC)
        result = collect_result(loaded, tape, built.context, "parity", started, answers)
        strategies = _names(prepared, built)
    finally:
        built.context.observers.close()
        built.engine.dispose()
    return Rerun(facts=result.facts, code=source_hashes(prepared), strategies=strategies)


class _HaltsOfThen(RecordedLatch):
    """The latch of a rerun: set when it was set then, and by nothing else.

    A file holds before its fact is written: a halt begins with its first veto, or after its fact.
    """

    def __init__(self, facts: Sequence[Fact]) -> None:
        super().__init__(HaltLatch.at_home(), facts)
        self._changes: deque[tuple[int, RecordedHalt | None]] = deque()
        self._then: RecordedHalt | None = None
        halted = False
        for fact in facts:
            vetoed = is_halt_veto(fact)
            if not halted and (vetoed or fact.kind is FactKind.HALT):
                halted = True
                since = fact.ts_event if vetoed else fact.ts_event + 1
                self._changes.append((since, RecordedHalt.of(fact)))
            elif halted and fact.kind is FactKind.RESUME:
                halted = False
                self._changes.append((fact.ts_event + 1, None))

    @property
    def used(self) -> bool:
        """Return whether there was a halt."""
        return bool(self._changes)

    def read(self) -> RecordedHalt | None:
        """Return the halt that was in force, or None."""
        return self._then

    def set(self, *_: Any, **__: Any) -> Any:
        """Do nothing: a rerun halts nothing."""

    def begin(self, ts: int) -> None:
        """Take what was in force at a moment (UTC ns), before it is processed."""
        while self._changes and self._changes[0][0] <= ts:
            self._then = self._changes.popleft()[1]


def _feed_under(
    latch: _HaltsOfThen, facts: Sequence[Fact]
) -> Callable[[BuiltRun, Sequence[Any]], None]:
    """Return what passes records to the engine, moment by moment, with halts and postures."""
    postures = deque(fact for fact in facts if fact.kind is FactKind.POSTURE)
    rungs = deque(fact for fact in facts if fact.kind is FactKind.RUNG)

    def feed(built: BuiltRun, records: Sequence[Any]) -> None:
        for ts, at_once in moments(records):
            latch.begin(ts)
            process(built, at_once)
            if latch.passed(ts):
                cancel_entries(built.context)
            while postures and postures[0].ts_event <= ts:
                built.context.gate.set_posture(posture_of(postures.popleft()))
            while rungs and rungs[0].ts_event <= ts:
                apply_rung(built.context, rungs.popleft())

    return feed


def _ladder_of_then(facts: Sequence[Fact]) -> Callable[[OrderRequest], str]:
    """Return what refuses the orders that the ladder refused then, between two moments."""
    reasons = {
        str(fact.body["client_order_id"]): str(fact.body["reason"])
        for fact in facts
        if fact.kind is FactKind.VETO and fact.body.get("plugin") == LADDER
    }
    return lambda request: reasons.get(request.client_order_id, "")


def _names(prepared: PreparedRun, built: BuiltRun) -> dict[str, str]:
    names = [one.name for one in prepared.components if one.section == "strategies"]
    ids = [one.strategy_id.value for one in built.context.strategies]
    return dict(zip(ids, names, strict=True))
