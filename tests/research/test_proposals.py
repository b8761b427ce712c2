"""Which points of a grid are run: constraints, seeded samples, and Optuna's samplers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins import state_dir
from qe_plugins.errors import ConfigError
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.research import grid, objective, sweep_request
from qe_plugins.research.constraints import Constraints
from qe_plugins.research.grid import Axis, read_axes, read_axis
from qe_plugins.research.proposals import SAMPLERS, proposer
from qe_plugins.research.sweep_runner import sweep
from qe_plugins.research.sweep_store import SweepSpec
from qe_plugins.research.variants import Variant, VariantResult, VariantState
from tests.research import jobs

FAST, SLOW = "strategies.ema_cross.fast", "strategies.ema_cross.slow"
BASE = {"strategies": {"ema_cross": {"fast": 5, "slow": 30}}, "name": "small"}
AXES = (
    Axis("a.x", (1, 2, 3, 4, 5, 6)),
    Axis("b.y", ("5m", "10m", "1h")),
    Axis("b.z", (True, False)),
)


def spec(**given: Any) -> SweepSpec:
    made = {"sweep": "20240102-sweep-small", "name": "small", "config": "run.yaml", "overrides": ()}
    return SweepSpec(**(made | {"axes": AXES} | given))


def result(number: int, settings: dict[str, Any], sharpe: float | None) -> VariantResult:
    variant = Variant(number=number, key=f"{number:016x}", settings=settings)
    return VariantResult(
        variant=variant, state=VariantState.FINISHED, figures={"sharpe": sharpe, "fees": 2.0}
    )


def searched(asked: SweepSpec, sharpe: Callable[[dict[str, Any]], float | None]) -> list[Any]:
    """Return the settings that are proposed where a variant's Sharpe ratio is as given."""
    proposing, found = proposer(asked, BASE), []
    while chosen := proposing.next_round():
        found += chosen
        proposing.learn([result(n, one, sharpe(one)) for n, one in enumerate(chosen)])
    return found


@pytest.mark.parametrize(
    ("text", "settings", "holds"),
    [
        ("x < 4", {"a.x": 3, "b.y": "5m"}, True),
        ("x < 4", {"a.x": 4, "b.y": "5m"}, False),
        ("a.x * 60 <= b.y", {"a.x": 5, "b.y": "5m"}, True),
        ("y < 3600 and x != 2", {"a.x": 1, "b.y": "1h"}, False),
        ("max(x, strategies.ema_cross.fast) == 5", {"a.x": 1, "b.y": "1h"}, True),
    ],
)
def test_a_constraint_compares_settings_of_the_grid_and_of_the_file(
    text: str, settings: dict[str, Any], holds: bool
) -> None:
    broken = Constraints([text], AXES, BASE, "--where").broken(settings)
    assert broken == (None if holds else text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x <", "--where: constraint 'x <': it ends too early."),
        ("x + 1", "it is a number, and has to be a comparison"),
        ("1 < 2", "it names no setting"),
        ("xx < 2", "no setting 'xx'. Did you mean 'x'?"),
        ("__import__('os') < 2", "is not understood"),
        ("name < 2", "'name' is not a number, was 'small'."),
    ],
)
def test_a_wrong_constraint_is_one_line(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        Constraints([text], AXES, BASE, "--where")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_range_is_its_values() -> None:
    assert read_axis("a.b=5..20/5").values == (5, 10, 15, 20)
    assert read_axis("a.b=0.1..0.3/0.1,7").values == (0.1, 0.2, 0.3, 7)
    for wrong in ("9..5", "1..5/0", "1..99999999"):
        with pytest.raises(ConfigError, match="is not a range"):
            read_axis(f"a.b={wrong}")


@given(st.integers(0, 35))
def test_a_point_of_the_grid_has_its_number(number: int) -> None:
    assert grid.size(AXES) == 36
    assert grid.point(AXES, number) == list(grid.settings(AXES))[number]


def test_a_grid_leaves_out_and_counts_what_breaks_a_constraint() -> None:
    proposing = proposer(spec(where=("x < 3", "y < 3600")), BASE)
    assert [one["a.x"] for one in proposing.next_round()] == [1, 1, 1, 1, 2, 2, 2, 2]
    assert proposing.skipped == {"x < 3": 24, "y < 3600": 4}


def test_a_sample_has_no_repeats_and_begins_a_longer_one() -> None:
    def sampled(**given: Any) -> list[Any]:
        return searched(spec(method="random", **given), lambda settings: 0.0)

    long, short = sampled(trials=30), sampled(trials=10)
    assert len({str(one) for one in long}) == 30
    assert long[:10] == short
    assert sampled(trials=10, seed=2) != short
    assert len(sampled(trials=99)) == 36
    wide = (Axis("a.x", tuple(range(10_000))), Axis("b.x", tuple(range(10_000))))
    assert sampled(trials=20, axes=wide)[:5] == sampled(trials=5, axes=wide)


def test_a_grid_too_large_to_run_whole_is_refused() -> None:
    wide = (Axis("a.x", tuple(range(10_000))), Axis("b.x", tuple(range(10_000))))
    with pytest.raises(ConfigError, match="100,000,000 variants, at most 100,000 are run"):
        proposer(spec(axes=wide), BASE)


@pytest.mark.parametrize("method", SAMPLERS)
def test_a_sampler_proposes_different_points_that_hold_and_the_same_again(method: str) -> None:
    asked = spec(method=method, trials=20, where=("x < 6",))

    def peak(settings: dict[str, Any]) -> float | None:
        return None if settings["a.x"] == 1 else -abs(settings["a.x"] - 4.0)

    found = searched(asked, peak)
    assert len({str(one) for one in found}) == len(found) == 20
    assert max(one["a.x"] for one in found) == 5
    assert searched(asked, peak) == found


def test_tpe_learns_where_the_objective_is_high() -> None:
    wide = (Axis("a.x", tuple(range(100))), Axis("b.x", tuple(range(100))))
    asked = spec(axes=wide, method="tpe", trials=60)
    found = searched(asked, lambda one: -abs(one["a.x"] - 70.0) - abs(one["b.x"] - 20.0))
    late = [abs(one["a.x"] - 70) + abs(one["b.x"] - 20) for one in found]
    assert sum(late[40:]) < sum(late[:20]) / 2


def test_a_search_is_resumed_and_every_trial_is_in_the_journal(run: Path, tmp_path: Path) -> None:
    state_dir.state_dir().mkdir(exist_ok=True)
    asked = spec(
        config=str(run),
        axes=read_axes([f"{FAST}=3..40"]),
        method="tpe",
        trials=10,
        where=("fast < 30",),
    )
    first = sweep(asked, tmp_path / "sweep", jobs.pretends, workers=2)
    assert [one.variant.number for one in first.results] == list(range(1, 11))
    longer = sweep_request.request(
        run, (), (), sweep_request.Choice(trials=12), resume=str(tmp_path / "sweep")
    )
    again = sweep(*longer, jobs.pretends, workers=1)
    assert again.results[:10] == first.results
    assert (len(again.results), again.found) == (12, 10 - first.failed)
    with Journal.open() as journal:
        runs = [one.run_id for one in journal.runs()]
        facts = [fact for one in runs for fact in journal.facts(one, [FactKind.TRIAL])]
        [about, *_] = journal.facts(asked.sweep, [FactKind.RUN])
    assert {str(fact.body["settings"]) for fact in facts} == {
        str(one.variant.settings) for one in again.results
    }
    assert (about.body["method"], about.body["seed"], about.body["where"]) == (
        "tpe",
        1,
        ["fast < 30"],
    )


def test_what_is_not_given_is_in_the_file(run: Path) -> None:
    run.write_text(
        f"{run.read_text()}sweep:\n  grid: {{{FAST}: 5..7, {SLOW}: [20, 30]}}\n"
        "  where: [fast < slow]\n  objective: net_pnl\n"
    )
    asked, _ = sweep_request.request(run, ())
    assert [axis.values for axis in asked.axes] == [(5, 6, 7), (20, 30)]
    assert (asked.where, asked.objective, asked.method) == (("fast < slow",), "net_pnl", "grid")
    other, _ = sweep_request.request(run, (), (), sweep_request.Choice(objective="sortino"))
    assert other.objective == "sortino"


def test_an_unknown_figure_is_refused_at_its_place(run: Path) -> None:
    line = len(run.read_text().splitlines()) + 1
    run.write_text(f"{run.read_text()}sweep: {{grid: {{{FAST}: [5]}}, objective: sharp}}\n")
    with pytest.raises(ConfigError) as error:
        sweep_request.request(run, ())
    assert f"{run.name}:{line}: no figure 'sharp'. Did you mean 'sharpe'?" in str(error.value)


def test_results_are_ordered_best_first_or_by_a_setting() -> None:
    found = [
        result(n, {"a.x": x, "b.y": "5m", "b.z": True}, sharpe)
        for n, (x, sharpe) in enumerate([(3, 1.0), (1, None), (2, 2.0)])
    ]
    by_sharpe = objective.ordered(found, "sharpe", AXES, "--sort")
    assert [one.variant.number for one in by_sharpe] == [2, 0, 1]
    by_setting = objective.ordered(found, "x", AXES, "--sort")
    assert [one.variant.number for one in by_setting] == [1, 2, 0]
    assert objective.best(found, "sharpe") is found[2]
    with pytest.raises(ConfigError, match="no figure and no setting 'shape'"):
        objective.ordered(found, "shape", AXES, "--sort")
