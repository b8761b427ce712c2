"""The result of a scan from the outcomes of its nodes, its client's counters and its ledger."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from qe_plugins.fleet.scan.outcome import NodeOutcome, ScanResult, answer_hash
from qe_plugins.fleet.tree import LEVELS, Level, level_of
from qe_plugins.llm.ledger import Ledger, ScanUsage
from qe_plugins.llm.settings import ClientStats

if TYPE_CHECKING:
    from qe_plugins.fleet.scan.lifecycle import Scan


def build_result(
    scan: Scan, outcomes: list[NodeOutcome], stats: ClientStats, seconds: float, messages: int
) -> ScanResult:
    """Return the result of a scan; `outcomes` are those of all nodes, the desk's first."""
    desk = outcomes[0]
    aggregate = desk.aggregate
    assert aggregate is not None
    workers = [one for one in outcomes if level_of(one.node) is Level.WORKER]
    missing = Counter(one.missing for one in workers if one.missing is not None)
    return ScanResult(
        scan_id=scan.scan_id,
        name=scan.fleet.name,
        provider=scan.fleet.provider,
        nodes=len(outcomes),
        asked=stats.asked,
        calls_paid=stats.paid,
        calls_sent=stats.sent,
        calls_replayed=stats.replayed,
        failures=dict(sorted(missing.items())),
        coverage=round(aggregate.coverage, 6),
        effective=round(aggregate.effective, 3),
        quorum=desk.missing is None,
        quorums=_quorums(outcomes),
        usd=stats.usd,
        seconds=round(seconds, 3),
        score=aggregate.score,
        answer=desk.answer,
        answer_sha256=answer_hash(outcomes),
        messages=messages,
        as_of=scan.requests.as_of,
        masked=scan.fleet.mask_market,
        refused=dict(sorted(stats.refused.items())),
        doubts=dict(sorted(stats.doubts.items())),
    )


def _quorums(outcomes: list[NodeOutcome]) -> dict[str, str]:
    """Return by rank how many parents had their quorum, such as `25/25`."""
    found: dict[str, list[bool]] = {level.value: [] for level in LEVELS[:-1]}
    for one in outcomes:
        if (level := level_of(one.node)) is not Level.WORKER:
            found[level.value].append(one.missing is None)
    return {level: f"{sum(met)}/{len(met)}" for level, met in found.items()}


def with_totals(result: ScanResult, before: ScanUsage, ledger: Ledger) -> ScanResult:
    """Return a result with the calls and costs of all processes that ran the scan.

    `before` is the scan's usage when this process began.
    """
    sent = ledger.sent(result.scan_id)
    return msgspec.structs.replace(
        result,
        calls_sent=sent.calls,
        calls_paid=sent.paid,
        calls_replayed=max(result.calls_replayed - before.settled, 0),
        usd=sent.usd,
        in_doubt=sent.in_doubt,
    )


def with_reason(result: ScanResult, ledger: Ledger) -> ScanResult:
    """Return a result with the most frequent reason for a missing answer."""
    known = ledger.reasons(result.scan_id) if result.failures or not result.quorum else []
    total = sum(often for _, _, often in known)
    for failure, detail, often in known[:1]:
        reason = f"{detail or failure} ({often:,} of {total:,})"
        return msgspec.structs.replace(result, reason=reason)
    return result
