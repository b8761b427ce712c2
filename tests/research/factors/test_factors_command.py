"""`qe factors` on generated bars: the store, decisions point in time, trials in the journal."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli, main
from qe_plugins.data.tape import open_tape
from qe_plugins.features.checks import record
from qe_plugins.features.checks.invariances import BrokenInvariance
from qe_plugins.features.feed import FeatureFeed
from qe_plugins.features.names import Wanted
from qe_plugins.features.source import bars_of, contracts_of
from qe_plugins.research.factors.decisions import MINUTE, decide
from qe_plugins.research.factors.feature_matrix import blocks
from qe_plugins.research.factors.settings import Decisions, Label, load
from qe_plugins.state_dir import state_dir

FILE = """
name: two-years
data:
  synthetic: {root: ES, years: 2, start: 2022-01-03, seed: 11}
  roots: [ES]
features: [1m.velocity.30, 1h.velocity.20, 1d.velocity.5, 1m.velocity.60]
draws: 200
"""


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    """Return the file of a test, its state folder, and the document that it printed."""
    folder = tmp_path_factory.mktemp("factors")
    file = folder / "two_years.yaml"
    file.write_text(FILE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QE_HOME", str(folder / "home"))
        ahead = BrokenInvariance("1m.velocity.60", "prefix", 3, 0, 1.0, 2.0)
        record.note(["1m.velocity.60"], [ahead])
        ran = CliRunner().invoke(cli, ["factors", "test", str(file), "--json"])
        assert ran.exit_code == 0, ran.output
        loaded = load(file)
        tape = open_tape(loaded.settings.data, lambda key: key)
        yield {
            "file": file,
            "document": json.loads(ran.stdout),
            "bars": bars_of(tape),
            "contracts": contracts_of(tape),
            "store": state_dir() / "features" / "two-years",
            "home": str(folder / "home"),
        }


@pytest.fixture
def home(tested, monkeypatch):
    monkeypatch.setenv("QE_HOME", tested["home"])


def run(*arguments: str) -> str:
    ran = CliRunner().invoke(cli, ["factors", *arguments])
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def test_bars_without_an_edge_have_no_significant_factor(tested):
    result = tested["document"]["result"]
    assert {one["state"] for one in result["factors"]} <= {"chance", "survivor"}
    assert result["economics"]["break_even"] == pytest.approx(0.049, abs=0.005)
    assert result["decisions"] > 10_000


def test_a_feature_that_failed_its_check_is_listed_and_not_tested(tested):
    result = tested["document"]["result"]
    assert result["untested"]["1m.velocity.60"] == "failed its check: prefix"
    assert "1m.velocity.60" not in {one["name"] for one in result["factors"]}


def test_every_tested_feature_is_a_trial_in_the_journal(tested, home):
    found = json.loads(run("trials", "--json"))
    assert found["trials"] == len(tested["document"]["result"]["factors"])


def test_a_test_and_one_factor_of_it_can_be_shown_again(tested, home):
    assert tested["document"]["test"] in run("show")
    shown = json.loads(run("show", "last", "1m.velocity.30", "--json"))
    assert shown["name"] == "1m.velocity.30"


def test_a_factor_is_divided_by_hours_of_chicago(tested, home):
    found = json.loads(run("show", "last", "1m.velocity.30", "--by", "hour", "--json"))
    parts = found["parts"]
    assert [one["part"] for one in parts] == [f"{hour:02}:00" for hour in range(8, 15)]
    result = tested["document"]["result"]
    assert sum(one["decisions"] for one in parts) == result["decisions"]
    assert "is another trial" in run("show", "last", "--by", "year")


def test_a_decision_has_the_latest_bar_of_each_timeframe_that_has_closed(tested):
    rows = decide("ES", tested["bars"], tested["contracts"], Decisions(), Label())
    values = dict(blocks_by_name(tested["store"], ["1m.velocity.30", "1d.velocity.5"], rows))
    at = len(rows.ts) // 2
    same_day = rows.session == rows.session[at]
    assert len(np.unique(values["1d.velocity.5"][same_day])) == 1
    assert len(np.unique(values["1m.velocity.30"][same_day])) > 10


def test_a_value_at_a_decision_is_that_of_a_history_which_ends_there(tested):
    names = ["1m.velocity.30", "1h.velocity.20", "1d.velocity.5"]
    rows = decide("ES", tested["bars"], tested["contracts"], Decisions(), Label())
    values = dict(blocks_by_name(tested["store"], names, rows))
    for at in (520, 777, 1_503):
        ts, contract = int(rows.ts[at]), str(rows.contract[at])
        past = {
            name: one[: int(np.searchsorted(one.ts_event, ts, side="right"))]
            for name, one in tested["bars"].items()
        }
        feed = FeatureFeed(Wanted(names), tested["contracts"], "1m")
        feed.compute({name: one for name, one in past.items() if len(one)})
        for name in names:
            assert values[name][at] == np.float32(feed.column(contract, name)[-1]), name


def test_a_label_begins_at_the_close_of_the_next_bar_and_ends_an_hour_later(tested):
    rows = decide("ES", tested["bars"], tested["contracts"], Decisions(), Label(unit="return"))
    at = len(rows.ts) // 3
    bars = tested["bars"][rows.contract[at]]
    entry = int(np.searchsorted(bars.ts_event, rows.ts[at], side="right"))
    leave = int(np.searchsorted(bars.ts_event, bars.ts_event[entry] + 60 * MINUTE, side="right"))
    expected = np.log(bars.close[leave - 1] / bars.close[entry])
    assert rows.label[at] == pytest.approx(expected)


def test_decisions_do_not_change_when_what_comes_later_is_cut_off(tested):
    bars = tested["bars"]
    whole = decide("ES", bars, tested["contracts"], Decisions(), Label())
    cut = int(whole.ts[len(whole.ts) // 2])
    early = {
        name: one[: int(np.searchsorted(one.ts_event, cut, side="right"))]
        for name, one in bars.items()
    }
    half = decide("ES", early, tested["contracts"], Decisions(), Label())
    count = len(half.ts)
    assert count > 1_000
    assert (half.contract == whole.contract[:count]).all()
    assert np.array_equal(half.label, whole.label[:count])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("label.horizon=40d", "at most 30 days"),
        ("costs.contract=XX", "has no fees"),
        ("split.confirm=odd", "must be different months"),
        ("features=[1m.velocty.30]", "Did you mean"),
        ("data.end=2022-03-01", "at least 120 needed"),
    ],
)
def test_a_test_that_cannot_be_made_is_one_line_and_exit_code_2(
    tested, home, capsys, monkeypatch, change, words
):
    command = ["qe", "factors", "test", str(tested["file"]), "--set", change]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    errors = capsys.readouterr().err
    assert ended.value.code == 2, errors
    assert len([line for line in errors.splitlines() if line.startswith("error:")]) == 1
    assert words in errors


def blocks_by_name(store, names, rows):
    for listed, values in blocks(store, names, [rows], {}):
        yield from ((name, values[:, k]) for k, name in enumerate(listed))


def test_calibration_needs_generated_data(tmp_path, monkeypatch, capsys):
    file = tmp_path / "real.yaml"
    file.write_text(f"name: real\ndata: {{catalog: {tmp_path}, roots: [ES]}}\n")
    monkeypatch.setattr("sys.argv", ["qe", "factors", "calibrate", str(file)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "calibration needs generated data" in capsys.readouterr().err


@pytest.mark.long
def test_generated_histories_without_an_edge_have_few_family_wise_factors(tested, home):
    found = json.loads(run("calibrate", str(tested["file"]), "--tapes", "6", "--json"))
    print(found)
    assert found["with_family_wise"] <= 1
