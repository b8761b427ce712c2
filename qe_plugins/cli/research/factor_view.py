"""What `qe factors` prints of a test and of its factors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qe_plugins.cli.output import echo, print_json, print_rows

if TYPE_CHECKING:
    from qe_plugins.research.factors.breakdown import FactorPart
    from qe_plugins.research.factors.factor_test import Factor, FactorResult

MOST_ROWS = 20
HEAD = (
    *("factor", "state", "t explore", "t confirm", "IC explore", "IC confirm"),
    *("p all", "p FDR", "turnover", "pays", "cluster"),
)


def print_result(place: Path, result: FactorResult, as_json: bool) -> None:
    """Print a test with its verdict and its strongest survivors, or as one JSON document."""
    from qe_plugins.research.factors.result_store import PAGE
    from qe_plugins.research.factors.verdict import caution, sentence

    if as_json:
        document: dict[str, Any] = {
            "test": place.name,
            "verdict": sentence(result),
            "result": result,
        }
        print_json(document | {"report": str(place / PAGE)})
        return
    paid = result.economics
    echo(f"{result.name}  {place.name}")
    echo(
        f"{', '.join(result.roots)} {result.first} to {result.last}: {result.decisions:,} decisions"
    )
    echo(
        f"{result.explore_sessions} sessions explore, {result.confirm_sessions} confirm; left out: "
        f"{result.purged} across months, {result.embargoed} at their start, {result.locked} locked"
    )
    echo(
        f"cost of a round trip {paid.cost:.3f} points ({paid.contract}), one deviation "
        f"{paid.deviation:.2f} points: break-even IC {paid.break_even:.4f}"
    )
    echo(
        f"survivors {len(result.survivors)}; chance: arithmetic {result.yardstick.arithmetic:.2f}, "
        f"bootstrap {result.yardstick.mean:.2f} ± {result.yardstick.spread:.2f}; with overlapping "
        f"labels counted {result.naive_survivors}"
    )
    if result.survivors:
        print_factors(result.survivors[:MOST_ROWS])
    for text in (sentence(result), *caution(result)):
        echo(text)
    echo(f"report  {place / PAGE}")


def print_factors(factors: Sequence[Factor]) -> None:
    """Print a row a factor."""
    print_rows(HEAD, [_row(one) for one in factors])


def print_parts(factor: str, by: str, parts: Sequence[FactorPart], as_json: bool) -> None:
    """Print a row a part of a factor's decisions."""
    if as_json:
        print_json({"factor": factor, "by": by, "parts": parts})
        return
    rows = [
        (one.part, f"{one.decisions:,}", one.sessions, f"{one.t:+.2f}", f"{one.ic:+.4f}")
        for one in parts
    ]
    echo(f"{factor} by {by}")
    print_rows((by, "decisions", "sessions", "t", "IC"), rows)
    echo("a choice among these parts is another trial: test it as a feature of its own")


def _row(one: Factor) -> tuple[object, ...]:
    numbers = (*(f"{t:+.2f}" for t in one.t), *(f"{ic:+.4f}" for ic in one.ic))
    shares = (f"{one.adjusted:.3f}", f"{one.fdr:.3f}", f"{one.turnover:.2f}")
    return (one.name, one.state, *numbers, *shares, "yes" if one.pays else "no", one.cluster)
