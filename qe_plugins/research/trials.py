"""Record every variant of a sweep in the journal as a trial, for significance tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.journal.trials import trial_facts
from qe_plugins.research.sweep_store import SweepSpec
from qe_plugins.research.variants import VariantResult

FIGURES = (
    *("net_pnl", "fees", "trades", "fills", "orders", "sessions", "total_return", "cagr"),
    *("volatility", "sharpe", "sortino", "calmar", "max_drawdown", "win_rate", "profit_factor"),
    *("expectancy", "exposure"),
)
AGAIN = "-again-"


def register(
    spec: SweepSpec,
    started: datetime,
    results: Sequence[VariantResult],
    skipped: Mapping[str, int] = MappingProxyType({}),
) -> str | None:
    """Write the trials that the journal lacks as one run, and return its content hash.

    None if there is nothing new. The first run of a sweep has the sweep's id.
    """
    with Journal.open() as journal:
        runs = [
            run.run_id
            for run in journal.runs()
            if run.run_id == spec.sweep or run.run_id.startswith(f"{spec.sweep}{AGAIN}")
        ]
        recorded = {
            _trial_key(fact) for run in runs for fact in journal.facts(run, [FactKind.TRIAL])
        }
        new = [one for one in results if (one.variant.key, str(one.state)) not in recorded]
        if not new:
            return None
        run_id = f"{spec.sweep}{AGAIN}{len(runs) + 1}" if runs else spec.sweep
        return journal.write_run(run_id, spec.name, started, sweep_facts(spec, new, skipped))


def sweep_facts(
    spec: SweepSpec,
    results: Sequence[VariantResult],
    skipped: Mapping[str, int] = MappingProxyType({}),
) -> list[Fact]:
    """Return the fact of the sweep and its trials, caused by it, in their order.

    `skipped` counts the variants that were not run, by the constraint that they break.
    """
    ends = {one.variant.number: _end_of_data(one) for one in results}
    times = {number: ts for number, ts in ends.items() if ts}
    grid = {axis.key: list(axis.values) for axis in spec.axes}
    about: dict[str, Any] = {"name": spec.name, "config": spec.config, "grid": grid}
    about |= {"objective": spec.objective, "method": spec.method}
    if spec.method != "grid":
        about |= {"trials": spec.trials, "seed": spec.seed}
    if spec.where:
        about |= {"where": list(spec.where), "skipped": dict(skipped)}
    trials = {one.variant.number: _body(one) for one in results}
    return trial_facts(min(times.values(), default=0), about, trials, times)


def _body(result: VariantResult) -> dict[str, Any]:
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
    return body


def _end_of_data(result: VariantResult) -> int:
    """Return the end of a variant's data in UTC nanoseconds; 0 if it did not run."""
    end = result.figures.get("end")
    return int(datetime.fromisoformat(end).timestamp()) * 1_000_000_000 if end else 0


def _trial_key(fact: Fact) -> tuple[str, str]:
    return fact.body["key"], fact.body["state"]
