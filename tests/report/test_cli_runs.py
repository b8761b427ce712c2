"""`qe runs`, `qe report`, `qe compare` as a trader uses them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner

from qe_plugins import state_dir
from qe_plugins.cli import runs
from qe_plugins.errors import ReportError
from qe_plugins.report import run_folder
from tests.report.fake import bare, busy


def qe(command: click.Command, *arguments: str) -> str:
    return CliRunner().invoke(command, arguments, catch_exceptions=False).output


@pytest.fixture
def two_runs(tmp_path):
    """Leave a busy run of March and a quiet run of May, and return their folders."""
    march = busy(tmp_path / "catalog", sessions=5, trades=12)
    may = bare(tmp_path, run_id="20240501-quiet", started=datetime(2024, 5, 1, tzinfo=UTC))
    settings = {"name": "a", "rung": {"risk": "50 USD"}, "plugins": {"guardian_limits": {}}}
    first = run_folder.write(march, settings)
    return first, run_folder.write(
        may, {**settings, "rung": {"risk": "75 USD"}, "risk": {"veto_timeout": 2}}
    )


def test_without_a_run_the_list_says_how_to_make_one():
    assert "qe backtest" in qe(runs.runs)
    assert json.loads(qe(runs.runs, "--json")) == []


def test_runs_are_listed_newest_first(two_runs):
    lines = [line for line in qe(runs.runs).splitlines() if "2024" in line]
    assert ["quiet" in line for line in lines] == [True, False]
    assert len(json.loads(qe(runs.runs, "--json"))) == 2


def test_a_report_shows_figures_and_where_the_page_is(two_runs):
    output = qe(runs.report, "last")
    assert "Net P&L" in output
    assert str(two_runs[1] / "report.html") in output.replace("\n", "")


def test_a_report_as_json_is_the_result_of_the_run(two_runs):
    told = json.loads(qe(runs.report, two_runs[0].name, "--json"))
    assert told == run_folder.result(two_runs[0])


def test_a_run_copied_elsewhere_says_where_it_is_now(two_runs, tmp_path):
    moved = two_runs[0].rename(tmp_path / "moved")
    assert json.loads(qe(runs.report, str(moved), "--json"))["run_dir"] == str(moved)


def test_a_report_opens_in_the_browser_when_asked(two_runs, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr(click, "launch", opened.append)
    qe(runs.report, "last", "--open")
    assert opened == [(two_runs[1] / "report.html").as_uri()]


def test_two_runs_are_compared_by_figures_fills_and_settings(two_runs):
    found = json.loads(qe(runs.compare, two_runs[0].name, "last", "--json"))
    assert found["same_fills"] is False
    assert found["figures"]["trades"] == [12, 0, -12]
    assert found["figures"]["win_rate"][1:] == [None, None]
    assert found["settings"] == {"rung.risk": ["50 USD", "75 USD"], "risk.veto_timeout": [None, 2]}


def test_a_comparison_reads_as_a_table(two_runs):
    output = qe(runs.compare, two_runs[0].name, "last")
    assert "the fills differ" in output
    assert "Commissions" in output
    assert "rung.risk" in output


def test_a_run_is_the_same_as_itself(two_runs):
    output = qe(runs.compare, "last", "last")
    assert "the fills are identical" in output
    assert "setting" not in output


def test_an_unknown_run_is_one_clear_error(two_runs):
    with pytest.raises(ReportError, match="`qe runs` lists them"):
        qe(runs.report, "1999")


@pytest.mark.parametrize("damage", [b"{", b"[]", b"\xff", b"{}"])
def test_a_damaged_run_is_one_line_and_hides_no_other(two_runs, damage):
    (two_runs[0] / "result.json").write_bytes(damage)
    lines = [line.split() for line in qe(runs.runs).splitlines() if "2024" in line]
    assert [("damaged" in line) for line in lines] == [False, True]
    broken = json.loads(qe(runs.runs, "--json"))[1]
    assert broken["run_id"] == two_runs[0].name
    assert "result.json" in broken["damaged"]
    assert "quiet" in qe(runs.report, "last")


def test_a_damaged_pointer_hides_no_run(two_runs):
    (state_dir.runs_dir() / "20240601-gone.json").write_text("{")
    assert len(json.loads(qe(runs.runs, "--json"))) == 2
    with pytest.raises(ReportError, match="no longer"):
        qe(runs.report, "20240601-gone")


def test_a_report_of_a_damaged_run_is_one_clear_error(two_runs):
    (two_runs[0] / "result.json").write_text("{")
    with pytest.raises(ReportError, match=r"result\.json: cannot be read"):
        qe(runs.report, two_runs[0].name)


def test_a_run_from_before_a_figure_existed_shows_a_dash(two_runs):
    older = run_folder.result(two_runs[0])
    newer = ("gross_pnl", "cost", "cost_share", "roll_cost", "rolls", "margin_peak", "slippage")
    kept = {name: value for name, value in older.items() if name not in newer}
    (two_runs[0] / "result.json").write_text(json.dumps(kept))
    found = json.loads(qe(runs.compare, two_runs[0].name, "last", "--json"))
    assert found["figures"]["gross_pnl"] == [None, 0.0, None]
    assert "–" in qe(runs.compare, two_runs[0].name, "last")
    assert "P&L at reference prices" in qe(runs.report, two_runs[0].name)
    assert len(json.loads(qe(runs.runs, "--json"))) == 2


def test_rolls_are_told_with_what_they_cost(two_runs):
    assert "Rolls 1, cost 7.28 USD" in qe(runs.report, two_runs[0].name)
    assert "Rolls" not in qe(runs.report, "last")


def test_reading_runs_makes_nothing():
    qe(runs.runs)
    assert not state_dir.runs_dir().exists()


def test_a_run_is_removed_by_its_id_and_no_other(two_runs):
    assert "removed:" in qe(runs.runs, "remove", two_runs[0].name)
    assert [one.exists() for one in two_runs] == [False, True]
    assert len(json.loads(qe(runs.runs, "--json"))) == 1


def test_a_run_elsewhere_is_removed_with_its_pointer(tmp_path):
    place = run_folder.write(bare(tmp_path), {"name": "a"}, tmp_path / "mine")
    qe(runs.runs, "remove", "last")
    assert not place.exists()
    assert list(state_dir.runs_dir().iterdir()) == []


def test_a_folder_with_something_else_in_it_is_not_removed(two_runs):
    (two_runs[0] / "notes.txt").write_text("mine")
    with pytest.raises(ReportError, match=r"contains notes\.txt, which is not part of a run"):
        qe(runs.runs, "remove", two_runs[0].name)
    assert (two_runs[0] / "report.html").exists()


def test_an_unknown_run_is_not_removed_nor_is_any_other(two_runs):
    with pytest.raises(ReportError, match="no run 'nothing'"):
        qe(runs.runs, "remove", two_runs[0].name, "nothing")
    assert two_runs[0].exists()
