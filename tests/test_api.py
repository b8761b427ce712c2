"""The Python API: a run and its tables as frames, named as on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from qe_plugins import api
from qe_plugins.errors import ConfigError, ReportError
from qe_plugins.journal.store import Journal

ROOT = Path(__file__).resolve().parent.parent
QUICKSTART = ROOT / "configs" / "backtest" / "quickstart.yaml"
SMALL = {"data.synthetic.sessions": 3, "data.synthetic.contracts": 1}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, api.StoredRun]]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QE_HOME", str(home))
        patch.chdir(ROOT)
        yield home, api.run(QUICKSTART, SMALL)


@pytest.fixture
def run(stored: tuple[Path, api.StoredRun], monkeypatch: pytest.MonkeyPatch) -> api.StoredRun:
    monkeypatch.setenv("QE_HOME", str(stored[0]))
    return stored[1]


def test_a_run_is_stored_and_journaled_as_by_the_command(run):
    assert run.figures["fills"] == run.frame("fills").height > 0
    assert run.config["data"]["synthetic"]["sessions"] == 3
    with Journal.open() as journal:
        assert [one.run_id for one in journal.runs()] == [run.run_id]
        assert journal.runs()[0].content_hash == run.figures["journal_sha256"]


@pytest.mark.parametrize("name", ["last", "last~0", "quickstart"])
def test_a_run_is_found_by_place_and_by_name(run, name):
    assert api.load(name).run_id == api.load(run.run_id[:15]).run_id == run.run_id


def test_a_run_that_is_not_there_is_one_error(run):
    with pytest.raises(ReportError, match="no run 'monday'"):
        api.load("monday")
    with pytest.raises(ReportError, match="there is only one run"):
        api.load("last~1")


def test_all_runs_are_a_frame(run):
    found = api.runs()
    assert found["run_id"].to_list() == [run.run_id]
    assert found["net_pnl"][0] == run.figures["net_pnl"]
    assert found.schema["started"] == pl.Datetime("us", "UTC")


def test_facts_are_a_frame_of_the_kinds_that_were_asked_for(run):
    trades = api.journal("last", ["trade"])
    assert trades.height == run.figures["trades"]
    assert set(trades["kind"]) == {"trade"}
    assert json.loads(trades["body"][0])["instrument_id"].startswith("MES")
    assert api.journal().height > trades.height


def test_a_sweep_is_a_frame_of_variants_with_the_best_of_them(monkeypatch):
    monkeypatch.chdir(ROOT)
    grid = {"plugins.hunter_momentum.bars": "15..45/15"}
    found = api.sweep(QUICKSTART, grid, SMALL, where=["bars < 40"], objective="net_pnl", workers=1)
    rows = found.variants
    assert rows["plugins.hunter_momentum.bars"].to_list() == [15, 30]
    assert (found.skipped, rows["state"].to_list()) == ({"bars < 40": 1}, ["finished"] * 2)
    assert found.best["net_pnl"] == rows["net_pnl"].max()
    assert found.page.is_file()
    again = api.load_sweep("last")
    assert (again.sweep_id, again.axes) == (found.sweep_id, found.axes)
    assert api.load_sweep("quickstart").variants.equals(rows)


def test_a_walk_forward_has_a_row_for_each_window(monkeypatch):
    monkeypatch.chdir(ROOT)
    two_months = SMALL | {"data.synthetic.sessions": 24}
    found = api.walkforward(
        QUICKSTART, {"plugins.hunter_momentum.bars": [15, 30]}, two_months,
        train="1M", test="1M", objective="net_pnl", workers=1,
    )  # fmt: skip
    assert found.windows["plugins.hunter_momentum.bars"].is_in([15, 30]).all()
    assert found.windows["test_pnl"].sum() == pytest.approx(found.walk.test_pnl)
    assert found.windows["test_from"].is_sorted()
    assert found.verdict.endswith(".")
    assert api.load_sweep(found.sweep_id).variants.height == 2


def test_the_first_of_equal_variants_is_the_best(tmp_path):
    even = pl.DataFrame({"number": range(2_000)}).with_columns(sharpe=1.0 * (pl.col("number") % 2))
    even.write_parquet(tmp_path / "results.parquet")
    found = api.StoredSweep(sweep_id="s", folder=tmp_path, axes={}, objective="sharpe")
    assert found.best["number"] == 1


@pytest.mark.parametrize("count", [{"random": 0}, {"sampler": "tpe", "trials": 0}])
def test_a_sweep_of_no_variants_is_refused(monkeypatch, count):
    monkeypatch.chdir(ROOT)
    with pytest.raises(ConfigError, match=r"^--(random|trials): must be at least 1, was 0\.$"):
        api.sweep(QUICKSTART, {"rung.risk": [25, 50]}, **count)


def test_wrong_names_are_one_error(run):
    with pytest.raises(ReportError, match="'wins' is no table of a run"):
        run.frame("wins")
    with pytest.raises(ReportError, match="'monday' is not a valid FactKind"):
        api.journal("last", ["monday"])
    with pytest.raises(ConfigError):
        api.run(QUICKSTART, {"rung.rusk": 25})
