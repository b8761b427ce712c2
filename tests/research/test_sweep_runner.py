"""A sweep: in the grid's order, taken up where it was left, every variant tried in the journal."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from qe_plugins import state_dir
from qe_plugins.errors import QeError, ReportError
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.research import sweep_store
from qe_plugins.research.grid import read_axes
from qe_plugins.research.sweep_runner import SweepResult, sweep
from qe_plugins.research.sweep_store import SweepSpec
from qe_plugins.research.variants import Variant, VariantResult, VariantState
from tests.research import jobs

FAST = "strategies.ema_cross.fast"


def spec_of(run: Path, *grid: str) -> SweepSpec:
    return SweepSpec(
        sweep="20240102-sweep-small", name="small", config=str(run), overrides=(),
        axes=read_axes(grid),
    )  # fmt: skip


def swept(what: SweepSpec, place: Path, workers: int = 1) -> SweepResult:
    state_dir.state_dir().mkdir(exist_ok=True)
    return sweep(what, place, jobs.pretends, workers=workers)


def ran() -> list[int]:
    """Return what was run, in order."""
    marks = state_dir.state_dir() / "ran.txt"
    return [int(line) for line in marks.read_text().split()] if marks.exists() else []


def trials(run_id: str = "20240102-sweep-small") -> list[Fact]:
    with Journal.open() as journal:
        return journal.facts(run_id, [FactKind.TRIAL])


def test_a_failing_variant_does_not_stop_the_rest(run: Path, tmp_path: Path) -> None:
    found = swept(spec_of(run, f"{FAST}=5,13,20"), tmp_path / "sweep")
    assert [str(one.state) for one in found.results] == ["finished", "failed", "finished"]
    assert (found.failed, found.results[1].error) == (1, "unlucky")


def test_every_variant_is_a_trial_in_the_journal_failed_ones_too(run: Path, tmp_path: Path) -> None:
    swept(spec_of(run, f"{FAST}=5,13"), tmp_path / "sweep")
    good, bad = trials()
    assert (good.id, good.body["settings"], good.body["state"]) == (
        "trial:1",
        {FAST: 5},
        "finished",
    )
    assert (good.body["figures"]["sharpe"], good.body["fills_sha256"]) == (0.5, f"{5:064d}")
    assert (bad.body["state"], bad.body["error"]) == ("failed", "unlucky")
    assert good.cause == bad.cause == "run:1"


def test_what_is_finished_is_found_again_and_the_rest_is_run(run: Path, tmp_path: Path) -> None:
    place = tmp_path / "sweep"
    swept(spec_of(run, f"{FAST}=5,13"), place)
    again = swept(spec_of(run, f"{FAST}=3,13,5"), place)
    assert ran() == [5, 13, 3, 13]
    assert again.found == 1
    assert [one.variant.settings[FAST] for one in again.results] == [3, 13, 5]
    assert [one.variant.number for one in again.results] == [1, 2, 3]


def test_a_trial_is_registered_once_however_often_a_sweep_is_taken_up(
    run: Path, tmp_path: Path
) -> None:
    swept(spec_of(run, f"{FAST}=5"), tmp_path / "sweep")
    assert swept(spec_of(run, f"{FAST}=5"), tmp_path / "sweep").journal_sha256 is None
    swept(spec_of(run, f"{FAST}=5,6"), tmp_path / "sweep")
    assert [fact.body["settings"][FAST] for fact in trials("20240102-sweep-small-again-2")] == [6]


def test_another_setting_of_the_file_is_another_variant(run: Path, tmp_path: Path) -> None:
    swept(spec_of(run, f"{FAST}=5"), tmp_path / "sweep")
    run.write_text(run.read_text().replace("slow: 30", "slow: 40"))
    assert swept(spec_of(run, f"{FAST}=5"), tmp_path / "sweep").found == 0


def test_an_interrupt_leaves_what_was_tried_in_folder_and_journal(
    run: Path, tmp_path: Path
) -> None:
    def interrupts(variant: Variant, result: VariantResult | None) -> None:
        if result is None and variant.number == 2:
            raise KeyboardInterrupt

    state_dir.state_dir().mkdir()
    what, place = spec_of(run, f"{FAST}=5,6,7"), tmp_path / "sweep"
    with pytest.raises(KeyboardInterrupt):
        sweep(what, place, jobs.pretends, on_update=interrupts)
    assert [fact.body["state"] for fact in trials()] == ["finished", "interrupted"]
    assert len(sweep_store.finished(place)) == 1
    assert swept(what, place).found == 1
    assert [str(one.state) for one in swept(what, place).results] == ["finished"] * 3


@pytest.mark.parametrize(
    ("axis", "says"),
    [
        ("strategies.ema_cross.fats=5,6", "unknown field 'fats'. Did you mean 'fast'?"),
        ("strategies.ema_crus.fast=5,6", "ema_crus"),
        ("dota.bars=5", "Did you mean 'data'?"),
    ],
)
def test_a_wrong_key_is_refused_before_anything_runs(
    run: Path, tmp_path: Path, axis: str, says: str
) -> None:
    with pytest.raises(QeError) as caught:
        swept(spec_of(run, axis), tmp_path / "sweep")
    assert says in str(caught.value)
    assert not (tmp_path / "sweep").exists()
    with Journal.open() as journal:
        assert journal.runs() == []


def test_results_come_in_the_grids_order_with_any_number_of_workers(
    run: Path, tmp_path: Path
) -> None:
    tables = [
        sweep_store.write_table(
            tmp_path / name,
            (what := spec_of(run, f"{FAST}=8,5,13,6", "strategies.ema_cross.slow=30,40")).axes,
            swept(what, tmp_path / name, workers).results,
        )
        for name, workers in (("one", 1), ("two", 2))
    ]
    one, two = map(pl.read_parquet, tables)
    assert one.equals(two)
    assert one[FAST].to_list() == [8, 8, 5, 5, 13, 13, 6, 6]
    assert one["number"].to_list() == list(range(1, 9))
    assert one["net_pnl"].null_count() == 2


def test_a_line_that_a_power_cut_broke_costs_one_variant(run: Path, tmp_path: Path) -> None:
    place = tmp_path / "sweep"
    swept(spec_of(run, f"{FAST}=5,6"), place)
    file = place / sweep_store.RESULTS
    file.write_bytes(file.read_bytes()[:-20])
    assert swept(spec_of(run, f"{FAST}=5,6"), place).found == 1


def test_a_sweep_is_found_by_the_start_of_its_id_or_as_the_last(run: Path) -> None:
    what = spec_of(run, f"{FAST}=5")
    place = sweep_store.folder(what.sweep)
    sweep_store.write_spec(place, what)
    assert (
        sweep_store.find("2024")
        == sweep_store.find("last")
        == sweep_store.find(str(place))
        == place
    )
    assert sweep_store.read_spec(place) == what
    with pytest.raises(ReportError, match="no sweep '1999'"):
        sweep_store.find("1999")


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ReportError, match="is not an empty folder"):
        sweep_store.folder("sweep", tmp_path)


def test_states_are_told_apart() -> None:
    assert [str(state) for state in VariantState] == ["finished", "failed", "interrupted"]
