"""Every variant that was tried is a fact in the journal: chance finds something among enough."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.research.sweep_store import SweepSpec
from qe_plugins.research.variants import VariantResult

FIGURES = (
    *("net_pnl", "fees", "trades", "fills", "orders", "sessions", "total_return", "cagr"),
    *("volatility", "sharpe", "sortino", "calmar", "max_drawdown", "win_rate", "profit_factor"),
    *("expectancy", "exposure"),
)
AGAIN = "-again-"


def register(asked: SweepSpec, started: datetime, results: Sequence[VariantResult]) -> str | None:
    """Write what the journal does not hold yet of a sweep's results as one run.

    Returns its content hash, None where there is nothing new. The first run has the sweep's id.
    """
    with Journal.open() as journal:
        runs = [
            run.run_id
            for run in journal.runs()
            if run.run_id == asked.sweep or run.run_id.startswith(f"{asked.sweep}{AGAIN}")
        ]
        held = {_held(fact) for run in runs for fact in journal.facts(run, [FactKind.TRIAL])}
        new = [one for one in results if (one.variant.key, str(one.state)) not in held]
        if not new:
            return None
        run_id = f"{asked.sweep}{AGAIN}{len(runs) + 1}" if runs else asked.sweep
        return journal.write_run(run_id, asked.name, started, trial_facts(asked, new))


def trial_facts(asked: SweepSpec, results: Sequence[VariantResult]) -> list[Fact]:
    """Return the sweep as a fact and what was tried as its effects, in the grid's order."""
    times = [_end(result) for result in results]
    begun = min((ts for ts in times if ts), default=0)
    grid = {axis.key: list(axis.values) for axis in asked.axes}
    run = Fact(
        id="run:1",
        kind=FactKind.RUN,
        ts_event=begun,
        source="quant-engine",
        body={"name": asked.name, "config": asked.config, "grid": grid, "tried": len(results)},
    )
    return [run, *(_trial(result, ts or begun) for result, ts in zip(results, times, strict=True))]


def _trial(result: VariantResult, ts: int) -> Fact:
    variant = result.variant
    body: dict[str, Any] = {
        "key": variant.key,
        "state": str(result.state),
        "settings": variant.settings,
        "figures": {name: result.figures[name] for name in FIGURES if name in result.figures},
    }
    if result.error is not None:
        body["error"] = result.error
    if "fills_sha256" in result.figures:
        body["fills_sha256"] = result.figures["fills_sha256"]
    return Fact(
        id=f"trial:{variant.number}",
        kind=FactKind.TRIAL,
        ts_event=ts,
        source="quant-engine",
        cause="run:1",
        body=body,
    )


def _end(result: VariantResult) -> int:
    """Return the last moment of a variant's tape, UTC nanoseconds; 0 where it did not run."""
    told = result.figures.get("end")
    return int(datetime.fromisoformat(told).timestamp()) * 1_000_000_000 if told else 0


def _held(fact: Fact) -> tuple[str, str]:
    return fact.body["key"], fact.body["state"]
