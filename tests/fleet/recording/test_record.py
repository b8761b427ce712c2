"""Recording: as of each moment, resumed without paying twice, refused before it costs too much."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl
import pytest

from qe_plugins.config.loader import load as load_run
from qe_plugins.engine.running.backtest import run
from qe_plugins.errors import FleetError, QeError
from qe_plugins.fleet.leaks.check import check
from qe_plugins.fleet.leaks.later import changed_after, later_leaks, worker_requests
from qe_plugins.fleet.leaks.outcomes import measured
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.recording.as_of import HistoricMarket
from qe_plugins.fleet.recording.estimate import price_of
from qe_plugins.fleet.recording.points import decision_points
from qe_plugins.fleet.recording.walk import RecordingOrder, record, refuse_before_data
from qe_plugins.fleet.settings import DecisionPoints
from qe_plugins.fleet.shutdown import Stopped, StopRequest
from qe_plugins.fleet.tasks.lessons import read_lessons
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.llm.ledger import Ledger
from qe_plugins.recordings.folder import folder_of, read
from tests.command import qe
from tests.fleet.conftest import CONFIGS, market

SECOND = 1_000_000_000
BACKTEST = CONFIGS.parent / "backtest" / "es_2013_fleet.yaml"
KINDS = {"1m", "5m"}
HOURLY = DecisionPoints(every=3_600.0)
NOVEMBER = datetime(2023, 11, 15, tzinfo=UTC)


def order(name: str = "made", **more) -> RecordingOrder:
    given = {"start": NOVEMBER.replace(hour=6), "end": NOVEMBER.replace(hour=12)}
    return RecordingOrder(name=name, **(given | more))


@pytest.fixture
def hourly(small):
    return lambda **more: small(decisions={"every": "1h"}, **more)


@pytest.fixture(scope="module")
def history() -> HistoricMarket:
    return HistoricMarket(market().frame)


def calls() -> int:
    with Ledger() as ledger:
        return sum(row.calls for row in ledger.costs("day"))


def test_points_are_inside_sessions_and_not_in_the_daily_halt():
    day = datetime(2024, 1, 3, tzinfo=UTC)
    points = decision_points(HOURLY, "ES", day, day.replace(day=4))
    hours = [datetime.fromtimestamp(one // SECOND, UTC).hour for one in points]

    assert hours == [*range(22)]
    every = decision_points(DecisionPoints(every=900.0), "ES", day, day.replace(day=4))
    assert len(every) == 22 * 4 + 3
    opens = decision_points(DecisionPoints(on="session_open"), "ES", day, day.replace(day=6))
    assert [one // SECOND % 86_400 for one in opens] == [23 * 3_600 + 60] * 2


def test_a_year_at_15_minutes_of_the_full_tree_is_refused_with_its_price_before_any_data():
    full = load(CONFIGS / "full.yaml", ["provider=models"])
    year = order(
        start=datetime(2024, 1, 2, tzinfo=UTC),
        end=datetime(2025, 1, 1, tzinfo=UTC),
        max_cost=Decimal(60),
    )

    with pytest.raises(FleetError, match=r"23,\d{3} decision points x \$2\.\d\d = \$5\d,\d{3}"):
        refuse_before_data(full, year)
    assert calls() == 0


def test_the_offline_rules_cost_nothing_and_the_models_price_is_told():
    price = price_of(load(CONFIGS / "full.yaml").fleet, 1_000)

    assert price.now == price.peak == 0
    assert price.models > 2_000


def test_a_recording_has_a_decision_for_each_point_and_is_not_asked_again(hourly, history):
    record(hourly(), history, order())
    first = read("made")
    before = calls()
    record(hourly(), history, order())

    assert len(first.decisions) == 6
    assert all(one.rules and one.latency is not None for one in first.decisions)
    assert {vote.instrument for one in first.decisions for vote in one.votes} == {"MESH24.XCME"}
    assert all(len(one.votes) == 12 for one in first.decisions)
    assert read("made").sha256 == first.sha256
    assert calls() == before


def test_an_interrupted_recording_continues_and_answers_as_a_whole_one(hourly, history):
    stop = StopRequest()

    def after_two(done, of, decision):
        if done == 2:
            stop.request()

    with pytest.raises(Stopped):
        record(hourly(), history, order(), on_decision=after_two, stop=stop)
    assert len(folder_of("made").decisions()) == 2
    record(hourly(), history, order())
    record(hourly(), history, order("whole"))

    answers = [[one.opinions for one in read(name).decisions] for name in ("made", "whole")]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("changes", "differs"),
    [({"mask_market": False}, "mask"), ({"answer_ttl": "1h"}, "fleet")],
)
def test_another_configuration_or_mask_does_not_continue_a_recording(
    hourly, history, changes, differs
):
    record(hourly(), history, order())

    with pytest.raises(FleetError, match=f"another .*{differs}"):
        record(hourly(**changes), history, order())


def test_other_prompts_do_not_continue_a_recording(hourly, history, monkeypatch):
    record(hourly(), history, order())
    monkeypatch.setattr("qe_plugins.fleet.recording.walk.system_prompt", lambda *of: "other")

    with pytest.raises(FleetError, match="another prompts"):
        record(hourly(), history, order())


def test_a_fleet_without_hunters_is_refused(small):
    tasks = {"windows": {"timeframes": ["1m"], "bars": [20], "back": 12}}
    loaded = small(coordinators=[{"role": "GUARDIAN", "tasks": tasks}])

    with pytest.raises(QeError, match="role: HUNTER"):
        refuse_before_data(loaded, order())


def test_no_point_has_stale_bars(history):
    last = history.at(int(NOVEMBER.timestamp()) * SECOND)

    assert last is not None
    assert history.at(int(NOVEMBER.timestamp() + 30 * 86_400) * SECOND) is None
    assert last.as_of <= int(NOVEMBER.timestamp()) * SECOND


@pytest.fixture
def telling(hourly, tmp_path):
    news, lessons = tmp_path / "news.jsonl", tmp_path / "lessons.jsonl"
    news.write_text('{"ts": "2023-11-14T23:00:00Z", "text": "before"}\n')
    lessons.write_text('{"known": "2023-11-14T23:00:00Z", "text": "a lesson of before"}\n')
    return hourly(mask_market=False, news=str(news), lessons=str(lessons))


@pytest.mark.parametrize("masked", [True, False])
def test_nothing_after_a_decision_is_in_any_of_its_requests(hourly, telling, masked):
    loaded = hourly() if masked else telling
    points = decision_points(HOURLY, "ES", order().start, order().end)
    found = list(later_leaks(loaded, market().frame, points))

    assert len(found) == 6
    assert all(one.held and one.requests == 12 for one in found)


def test_the_canary_is_found_where_a_request_looks_ahead(telling):
    at = int(NOVEMBER.replace(hour=8).timestamp()) * SECOND
    later = changed_after(market().frame, at, 1)
    ahead = worker_requests(telling, HistoricMarket(later), at + 60 * SECOND)

    assert any("918273" in one.prompt for one in ahead)
    assert "before" in ahead[0].prompt
    assert "a lesson of before" in ahead[0].prompt


def test_lessons_are_those_known_then_and_of_months_of_the_same_parity(tmp_path):
    file = tmp_path / "lessons.jsonl"
    lines = [
        {"known": f"2023-{month:02}-10T12:00:00Z", "text": f"of {month}"} for month in range(1, 13)
    ]
    file.write_text("\n".join(map(json.dumps, lines)))

    def told(text: str) -> tuple[str, ...]:
        return read_lessons(file, int(datetime.fromisoformat(text).timestamp()) * SECOND)

    assert told("2023-06-10T11:59:59+00:00") == ("of 2", "of 4")
    assert told("2023-06-10T12:00:00+00:00") == ("of 2", "of 4", "of 6")
    assert told("2023-05-10T12:00:00+00:00") == ("of 1", "of 3", "of 5")


def test_lessons_are_refused_while_the_market_is_masked(small):
    with pytest.raises(QeError, match="lessons name the instruments"):
        small(lessons="lessons.jsonl")


@pytest.fixture(scope="module")
def es_2013(shared_data, tmp_path_factory):
    """Return the arguments for the data, after one day of it was recorded by the command."""
    home = str(tmp_path_factory.mktemp("home"))
    data = ("--set", f"data.dbn={shared_data / 'es_2013'}")
    done = qe(
        *("fleet", "record", CONFIGS / "es_2013.yaml", *data),
        *("--start", "2013-10-08", "--end", "2013-10-09", "--json"),
        QE_HOME=home,
    )
    assert done.returncode == 0, done.stderr
    return home, data, json.loads(done.stdout)


def replayed(es_2013, *more: str) -> dict:
    home, data, _ = es_2013
    done = qe(
        "backtest", BACKTEST, *data, "--set", "data.end=2013-10-09", *more, "--json", QE_HOME=home
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.long
def test_two_processes_replay_a_recording_to_the_same_fills(es_2013):
    first, second = replayed(es_2013), replayed(es_2013)

    assert first["fills_sha256"] == second["fills_sha256"]
    assert first["fills"] > 4
    assert first["inputs"] == {"recording es-2013": es_2013[2]["sha256"]}
    assert list(first["by_contamination"]) == ["clean"]


def test_latency_moves_fills_to_later_bars(es_2013, monkeypatch):
    runs = [in_process(es_2013, monkeypatch, latency=one) for one in ("0s", "30s", "120s")]
    opened = [one.fills["ts"].cast(pl.Int64).min() for one in runs]

    assert len({one.fills_sha256 for one in runs}) == 3
    assert [(one - opened[0]) / 60 / SECOND for one in opened] == [0, 1, 2]


def in_process(es_2013, monkeypatch, end: str = "2013-10-09", **settings: str):
    home, data, _ = es_2013
    monkeypatch.setenv("QE_HOME", home)
    changes = [f"plugins.hunter_fleet.{name}={value}" for name, value in settings.items()]
    return run(load_run(BACKTEST, [data[1], f"data.end={end}", *changes]))


def test_a_deleted_answer_stops_the_run_and_names_it(es_2013, monkeypatch):
    file = Path(es_2013[2]["folder"]) / "decisions.jsonl"
    whole = file.read_text()
    lines = whole.splitlines(keepends=True)
    deleted = msgspec.json.decode(lines.pop(7))["at"]
    file.write_text("".join(lines))
    moment = f"{datetime.fromtimestamp(deleted // SECOND, UTC):%Y-%m-%d %H:%M}"
    try:
        with pytest.raises(QeError, match=f"the decision at {moment} UTC has no answer"):
            in_process(es_2013, monkeypatch)
    finally:
        file.write_text(whole)


def test_a_run_that_goes_on_after_the_recording_is_stopped(es_2013, monkeypatch):
    with pytest.raises(QeError, match="and the run goes on"):
        in_process(es_2013, monkeypatch, end="2013-10-10")


def test_the_requests_and_the_votes_of_a_recording_are_measured(es_2013, monkeypatch):
    monkeypatch.setenv("QE_HOME", es_2013[0])
    report = check("es-2013", 3).document()
    found = measured("es-2013", 15)

    assert (report["points"], report["changed"], report["canaries"]) == (3, 0, 0)
    assert [one.held for one in report["attacks"]] == [True, True]
    assert found["votes"].workers == 20
    assert not found["votes"].measured
    assert found["calibration"].count > 500
    assert {one.name for one in found["by_prompt"]} == KINDS
    assert sum(one.votes for one in found["by_prompt"]) == found["calibration"].count
    assert [one.votes for one in found["by_model"]] == [found["calibration"].count]


def test_a_measurement_is_a_trial_once_and_its_page_has_the_diagram(es_2013):
    home = es_2013[0]
    found = [votes_of(home, minutes) for minutes in (15, 15)]
    with Journal.open(f"sqlite:///{home}/journal.sqlite") as journal:
        trials = [
            fact.body["settings"]["horizon_minutes"]
            for run in journal.runs()
            for fact in journal.facts(run.run_id, [FactKind.TRIAL])
            if "horizon_minutes" in fact.body["settings"]
        ]
    page = Path(found[0]["page"]).read_text()

    assert [one["trial"] is None for one in found] == [False, True]
    assert trials == [15]
    assert page.count("<circle") == len(found[0]["calibration"]["bins"])
    assert all(f">{kind}<" in page for kind in KINDS)


def votes_of(home: str, minutes: int) -> dict:
    done = qe("fleet", "votes", "es-2013", "--horizon", minutes, "--json", QE_HOME=home)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.long
def test_an_ablation_runs_every_arm_as_a_trial_and_says_one_sentence(es_2013):
    home, data, _ = es_2013
    arguments = (*data, "--set", "data.end=2013-10-09", "--rotations", "0", "--workers", "2")
    done = qe("ablate", BACKTEST, *arguments, "--json", QE_HOME=home)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)

    assert [row["arm"] for row in document["rows"]] == [
        *("full", "none", "rotated", "random", "inverted", "delayed_bar", "delayed_session"),
        *("one", "5"),
    ]
    assert document["sentence"].startswith("cannot say: ")
    arms = json.loads((Path(document["folder"]) / "sweep.json").read_text())
    assert arms["name"].startswith("ablate arms "), "no sweep of the configuration's name"
    sessions = {row["arm"]: row["to_rotated"]["sessions"] for row in document["rows"]}
    page = Path(document["page"]).read_text()
    assert page.count("<circle") == sum(count > 1 for count in sessions.values()) > 0
