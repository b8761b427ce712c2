"""Rerun a session as a backtest, under the halts and postures that it was under."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins.config.loader import Loaded
from qe_plugins.data.tape import Tape
from qe_plugins.engine.live.recorded_halts import RecordedHalts
from qe_plugins.engine.live.stream import moments
from qe_plugins.engine.results.collect import collect_result
from qe_plugins.engine.risk.entry_cancellation import cancel_entries
from qe_plugins.engine.running.backtest import process, stream
from qe_plugins.engine.running.build import BuiltRun, build
from qe_plugins.engine.running.prepare import PreparedRun, prepare
from qe_plugins.engine.running.source_hashes import source_hashes
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Posture

UNDER = (FactKind.HALT, FactKind.RESUME, FactKind.POSTURE)
NO_POSTURE = "no posture"


class Rerun(msgspec.Struct, frozen=True, kw_only=True):
    """A backtest of a session: its facts, and the hash of each source.

    `strategies` has the name in the configuration of each strategy id.
    """

    facts: list[Fact]
    code: dict[str, str]
    strategies: dict[str, str]


def rerun(loaded: Loaded, tape: Tape, under: Sequence[Fact], files: Sequence[Path]) -> Rerun:
    """Run a backtest of a configuration on a tape; `files` are the Databento files behind it.

    Halts and postures among the facts `under` take effect when they did. Raises as
    `running.backtest.run` does.
    """
    prepared = prepare(loaded, tape=tape, files=files)
    under = [fact for fact in under if fact.kind in UNDER]
    latch = _RecordedLatch(HaltLatch.at_home(), under, lambda: True)
    built = build(prepared, latch=latch if under else None)
    try:
        stream(built, tape, None, _feed_under(latch, under) if under else None)
        answers = built.context.observers.close()
        started = datetime.now(UTC)
        result = collect_result(loaded, tape, built.context, "parity", started, answers)
        strategies = _names(prepared, built)
    finally:
        built.context.observers.close()
        built.engine.dispose()
    return Rerun(facts=result.facts, code=source_hashes(prepared), strategies=strategies)


class _RecordedLatch(RecordedHalts):
    """The latch of a rerun: it answers as it did then, and is never set."""

    def set(self, *_: Any, **__: Any) -> Any:
        """Do nothing: a rerun halts nothing."""


def _feed_under(
    latch: RecordedHalts, under: Iterable[Fact]
) -> Callable[[BuiltRun, Sequence[Any]], None]:
    """Return what passes records to the engine, moment by moment, with halts and postures."""
    postures = deque(fact for fact in under if fact.kind is FactKind.POSTURE)

    def feed(built: BuiltRun, records: Sequence[Any]) -> None:
        for ts, at_once in moments(records):
            process(built, at_once)
            if latch.passed(ts):
                cancel_entries(built.context)
            while postures and postures[0].ts_event <= ts:
                built.context.gate.set_posture(_posture(postures.popleft()))

    return feed


def _posture(fact: Fact) -> Posture | None:
    body = fact.body
    if body.get("reason") == NO_POSTURE:
        return None
    return Posture(
        reason=body["reason"],
        halt=body.get("halt", False),
        max_contracts=body.get("max_contracts"),
        valid_until=body.get("valid_until"),
        source=fact.source,
    )


def _names(prepared: PreparedRun, built: BuiltRun) -> dict[str, str]:
    names = [one.name for one in prepared.components if one.section == "strategies"]
    ids = [one.strategy_id.value for one in built.context.strategies]
    return dict(zip(ids, names, strict=True))
