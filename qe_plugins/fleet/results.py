"""A finished scan in one record."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from qe_plugins.fleet.outcome import Outcome, Result, answer_hash
from qe_plugins.fleet.tree import LEVELS, Level
from qe_plugins.llm.settings import Stats

if TYPE_CHECKING:
    from qe_plugins.fleet.scanning import Scan


def result_of(
    scan: Scan, outcomes: list[Outcome], stats: Stats, seconds: float, messages: int
) -> Result:
    """Return what came of a scan: the `outcomes` of all nodes, the desk's first."""
    desk = outcomes[0]
    whole = desk.aggregate
    assert whole is not None
    workers = [one for one in outcomes if _level(one) is Level.WORKER]
    missing = Counter(one.missing for one in workers if one.missing is not None)
    return Result(
        scan_id=scan.scan_id,
        name=scan.fleet.name,
        provider=scan.fleet.provider,
        nodes=len(outcomes),
        asked=stats.asked,
        calls_paid=stats.paid,
        calls_sent=stats.sent,
        calls_replayed=stats.replayed,
        failures=dict(sorted(missing.items())),
        coverage=round(whole.coverage, 6),
        effective=round(whole.effective, 3),
        quorum=desk.missing is None,
        quorums=_quorums(outcomes),
        usd=stats.usd,
        seconds=round(seconds, 3),
        score=whole.score,
        answer=desk.answer,
        answer_sha256=answer_hash(outcomes),
        messages=messages,
        as_of=scan.questions.as_of,
        masked=scan.fleet.masked,
        refused=dict(sorted(stats.refused.items())),
    )


def _quorums(outcomes: list[Outcome]) -> dict[str, str]:
    """Return, by rank, how many parents had their quorum, such as `25/25`."""
    found: dict[str, list[bool]] = {level.value: [] for level in LEVELS[:-1]}
    for one in outcomes:
        if (level := _level(one)) is not Level.WORKER:
            found[level.value].append(one.missing is None)
    return {level: f"{sum(met)}/{len(met)}" for level, met in found.items()}


def _level(outcome: Outcome) -> Level:
    return LEVELS[0 if outcome.node == Level.DESK else outcome.node.count(".") + 1]
