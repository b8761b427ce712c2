"""Sessions and minutes of the calendar without data, and trades held over such gaps."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from qe_plugins.data.checks.completeness import PresentData
    from qe_plugins.engine.results.result import ContractInfo


def figures(
    present: Sequence[PresentData], positions: pl.DataFrame, contracts: Sequence[ContractInfo]
) -> dict[str, Any]:
    """Return the data coverage of each root, and the number of trades held over gaps."""
    roots = {one.id: one.root for one in contracts}
    return {
        "coverage": [_coverage_of_root(one) for one in present],
        "trades_over_gaps": held_over_gaps(positions, roots, present),
    }


def held_over_gaps(
    positions: pl.DataFrame, roots: Mapping[str, str], present: Sequence[PresentData]
) -> int:
    """Return the number of trades open in a session without data; `roots` is by instrument.

    An open trade counts up to the last session of its root's data.
    """
    missing = {one.root: sorted(one.missing) for one in present if one.missing}
    last = {one.root: one.last for one in present}
    if not missing or not positions.height:
        return 0
    from qe_plugins.report.figures import exchange_time

    days = positions.select(
        "instrument_id", exchange_time.session("opened"), exchange_time.session("closed")
    )
    found = 0
    for instrument, opened, closed in days.iter_rows():
        root = roots.get(instrument, "")
        if root in missing and opened is not None:
            gaps = missing[root]
            found += bisect_left(gaps, closed or last[root]) > bisect_right(gaps, opened)
    return found


def in_words(figures: Mapping[str, Any]) -> list[str]:
    """Return one sentence per root on its data coverage, and one on its consequences.

    Empty for the figures of an older run, which lack coverage.
    """
    known = figures.get("coverage") or []
    lines = [
        one["text"] + (f"; none for {one['missing']}" if one["missing"] else "") for one in known
    ]
    if any(one["missing"] for one in known):
        affected = figures.get("trades_over_gaps") or 0
        count = f"{affected} {'trade was' if affected == 1 else 'trades were'}"
        lines.append(
            "Ratios and time in market count only sessions with data; "
            f"{count} held over sessions without data."
        )
    return lines


def _coverage_of_root(one: PresentData) -> dict[str, Any]:
    return {
        "root": one.root,
        "first_session": one.first.isoformat(),
        "last_session": one.last.isoformat(),
        "sessions": one.sessions,
        "sessions_with_data": one.sessions_with_data,
        "minutes": one.minutes,
        "minutes_with_data": one.minutes_with_data,
        "missing": one.missing_in_words,
        "text": str(one),
    }
