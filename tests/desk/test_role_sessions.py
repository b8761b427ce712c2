"""Sessions of coordinators beside a session: what they may add, and what holds without them."""

from __future__ import annotations

import dataclasses
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl
import pytest
import yaml

from qe_plugins.desk import actions, role_sessions
from qe_plugins.desk.actions import DeskActions
from qe_plugins.desk.day_journal import synthesis_page
from qe_plugins.desk.records import DeskSituation, DeskStep, StepKind
from qe_plugins.desk.role_sessions import RoleSessions
from qe_plugins.errors import ConfigError, FleetError
from qe_plugins.fleet.loader import LoadedFleet, load
from qe_plugins.fleet.recording.as_of import HistoricMarket
from qe_plugins.fleet.shutdown import StopRequest
from qe_plugins.halt.status import SeenSession, SessionStatus
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.recordings.postures import of_run
from qe_plugins.report.day.morning import day_report
from qe_plugins.report.day.page import write
from qe_plugins.wall_clock import nanoseconds
from tests.fleet.conftest import document, market

RUN = "20231115-000000-000000-day-paper"
KNOWN = market(minutes=2_500)
NOW = datetime.fromtimestamp(KNOWN.as_of / 1e9, UTC)
LIMITS = {"max_contracts": 4, "max_loss": "400 USD", "validity": "30m"}


@dataclasses.dataclass
class Desk:
    """The actions of a desk over a generated market; `seen` is what its session's heartbeat says.

    It has the method of a HuntMarket.
    """

    folder: Path
    journal: Journal
    now: datetime = NOW
    seen: SeenSession | None = None
    bars: pl.DataFrame = dataclasses.field(default_factory=lambda: KNOWN.frame)

    def until(self, at: datetime, run: str | None) -> HistoricMarket:
        return HistoricMarket(self.bars)

    def actions(self, **settings: object) -> DeskActions:
        loaded = self.loaded(desk={"root": "MES", "limits": LIMITS, **settings})
        roles = RoleSessions(
            loaded,
            self,  # type: ignore[arg-type]
            self.journal,
            clock=lambda: self.now,
            margin=timedelta(seconds=2),
        )
        return DeskActions(
            loaded,
            self,  # type: ignore[arg-type]
            roles,
            session=lambda: self.seen,
            day=lambda: NOW.date(),
            stop=StopRequest(),
        )

    def loaded(self, **changes: object) -> LoadedFleet:
        file = self.folder / "fleet.yaml"
        file.write_text(yaml.safe_dump(document(**changes)), encoding="utf-8")
        return load(file)

    def sessions(self, loaded: LoadedFleet) -> RoleSessions:
        return RoleSessions(
            loaded,
            self,  # type: ignore[arg-type]
            self.journal,
            clock=lambda: self.now,
            margin=timedelta(seconds=2),
            speed=1.0,
        )

    def situation(self, **changes: object) -> DeskSituation:
        return DeskSituation(now=self.now, run=RUN, **changes)  # type: ignore[arg-type]


def heartbeat(day_pnl: str = "0") -> SeenSession:
    status = SessionStatus(
        run_id=RUN,
        name="day",
        mode="paper",
        pid=1,
        host="here",
        started=NOW,
        engine_time=NOW,
        wall_time=NOW,
        day_pnl=Decimal(day_pnl),
    )
    return SeenSession(state="running", age=0.0, status=status)


@pytest.fixture
def desk(tmp_path):
    with Journal.open() as journal:
        yield Desk(tmp_path, journal, seen=heartbeat())


def guard_step(at: datetime = NOW) -> DeskStep:
    return DeskStep(kind=StepKind.GUARD, key=f"{at:%H:%M:%S}", due=at, run=RUN)


def in_force(at: datetime = NOW + timedelta(minutes=1)):
    return of_run(RUN).in_force(nanoseconds(at))


def test_the_guardian_tightens_the_posture_by_rules_within_a_persons_limits(desk):
    found = desk.actions().guard(guard_step(), desk.situation())

    assert in_force().halt or in_force().max_contracts <= 4
    assert in_force().max_loss <= 400
    assert "GUARDIAN: " in found.text
    assert found.renew <= nanoseconds(NOW) + 1_800 * 10**9 < found.valid_until


def test_every_role_has_the_messages_of_those_before_it(desk):
    steps = desk.actions()
    steps.guard(guard_step(), desk.situation())
    steps.hunt(DeskStep(kind=StepKind.HUNT, key="x", due=NOW), desk.situation())

    later = desk.sessions(desk.loaded()).context(NOW + timedelta(minutes=1), RUN, None)
    before = desk.sessions(desk.loaded()).context(NOW - timedelta(minutes=1), RUN, None)
    assert {str(one.role) for one in later.messages} == {"GUARDIAN", "HUNTER"}
    assert before.messages == []


def test_sessions_see_lessons_that_held_and_those_of_the_fleets_file(desk, tmp_path):
    known = nanoseconds(NOW) - 3_600 * 10**9
    basis = {"variant": "exit_15m_later", "effect": 0.4}
    for number, more in enumerate(({}, {"held": known})):
        body = {"text": f"lesson {number}", "known": known, "basis": basis, **more}
        lesson = Fact(id="lesson:1", kind=FactKind.LESSON, ts_event=known, source="a", body=body)
        run = f"analyst-small-20231101T00000{number}Z-key"
        desk.journal.write_run(run, "a", NOW, [lesson])
    file = tmp_path / "lessons.jsonl"
    file.write_text('{"known": "2023-11-01T00:00:00Z", "text": "of a person"}\n', encoding="utf-8")
    loaded = desk.loaded(lessons=str(file), mask_market=False)

    context = desk.sessions(loaded).context(NOW, RUN, None)
    assert context.lessons == ("of a person", "lesson 1")
    assert context.news == ()
    assert [one.body["text"] for one in context.learned] == ["lesson 1", "lesson 0"]


def test_once_the_guardians_posture_has_expired_the_one_by_rules_is_in_force(desk):
    desk.actions().guard(guard_step(), desk.situation())

    later = in_force(NOW + timedelta(hours=1))
    assert (later.source, later.halt, later.max_contracts) == ("desk", False, None)


def test_a_loss_up_to_a_persons_limit_halts(desk):
    desk.seen = heartbeat("-400")

    found = desk.actions().guard(guard_step(), desk.situation())

    assert in_force().halt
    assert found.text.startswith("no new risk: GUARDIAN: ")


def test_a_step_taken_again_after_a_kill_publishes_nothing_twice(desk):
    for _ in range(2):
        desk.actions().guard(guard_step(), desk.situation())

    assert [one.posture.source for one in of_run(RUN).read()] == ["desk", "guardian"]


@pytest.mark.parametrize("case", ["budget", "role", "bars", "setting"])
def test_where_the_guardian_cannot_work_the_posture_by_rules_stands_alone(desk, case, monkeypatch):
    def fails(*_: object) -> None:
        raise FleetError("no model answers.")

    if case == "role":
        monkeypatch.setattr(role_sessions, "run_role", fails)
    desk.now += timedelta(hours=1 if case == "bars" else 0)
    settings = {"roles": []} if case == "setting" else {}

    situation = desk.situation(paid=case != "budget")
    found = desk.actions(**settings).guard(guard_step(desk.now), situation)

    assert not found.failed
    assert [one.posture.source for one in of_run(RUN).read()] == ["desk"]
    assert in_force(desk.now + timedelta(hours=1)).source == "desk"


def test_limits_that_are_looser_than_an_hour_are_refused(desk):
    with pytest.raises(ConfigError, match="validity"):
        desk.actions(limits=LIMITS | {"validity": "2h"})


def test_an_answer_of_none_leaves_the_posture_by_rules_alone(desk, monkeypatch):
    real = role_sessions.run_role

    def silent(role, context):
        done = real(role, context)
        nothing = msgspec.structs.replace(done.found, posture=None)
        return msgspec.structs.replace(done, found=nothing)

    monkeypatch.setattr(role_sessions, "run_role", silent)

    found = desk.actions().guard(guard_step(), desk.situation())

    assert [one.posture.source for one in of_run(RUN).read()] == ["desk"]
    assert "by rules alone: no answer" in found.text


def closed_trades(journal: Journal, count: int) -> None:
    """Write trades of an hour each into the session's run, the last one closed at NOW."""
    for number in range(count):
        closed = KNOWN.as_of - (count - 1 - number) * 600 * 10**9
        body = {
            "instrument_id": "MESH24.XCME",
            "strategy": "follower",
            "side": "LONG",
            "opened": closed - 3_600 * 10**9,
            "closed": closed,
            "currency": "USD",
            "quantity": "1",
            "entry": "4096",
            "exit": "4097",
            "pnl": "5",
            "commissions": "1",
        }
        trade = Fact(
            id=f"trade:T-{number}", kind=FactKind.TRADE, ts_event=closed, source="s", body=body
        )
        journal.append(RUN, [trade])


def review_step(number: int) -> DeskStep:
    trade = f"T-{number}"
    return DeskStep(kind=StepKind.REVIEW, key=f"{RUN}/{trade}", due=NOW, run=RUN, trade=trade)


def test_each_closed_trade_is_reviewed_with_those_before_it_once(desk):
    desk.journal.open_run(RUN, "paper", NOW)
    closed_trades(desk.journal, 3)
    steps = desk.actions()

    for _ in range(2):  # again after a kill
        found = [steps.review(review_step(number), desk.situation()) for number in range(3)]

    said = [f"ANALYST over {count} trades: no lesson" for count in (1, 2, 3)]
    assert [one.text for one in found] == said
    sessions = {one.body["session"] for one in found}
    assert {run.run_id for run in desk.journal.runs()} == sessions
    assert len(sessions) == 3


def test_the_report_has_a_page_of_synthesis_with_the_lessons_of_the_days_reviews(desk, monkeypatch):
    said: list[tuple[str, ...]] = []
    monkeypatch.setattr(actions, "_qe", lambda *words: (said.append(words), (0, "written"))[1])
    desk.journal.open_run(RUN, "paper", NOW)
    closed_trades(desk.journal, 2)
    for number in range(2):
        body = {"text": "exits are early", "basis": {"variant": "exit_15m_later"}}
        lesson = Fact(
            id="lesson:1", kind=FactKind.LESSON, ts_event=KNOWN.as_of, source="a", body=body
        )
        desk.journal.write_run(f"analyst-small-20231115T00000{number}Z", "a", NOW, [lesson])
    step = DeskStep(kind=StepKind.REPORT, key="x", due=NOW)

    found = desk.actions().report(step, desk.situation())

    page = synthesis_page(NOW.date()).read_text(encoding="utf-8")
    assert "1 lesson was learned." in page
    assert "<td>2 trades, 0 vetoes, 0 failures</td>" in page
    assert found.text == "written; 1 lesson was learned."
    assert said == [("report", "day", NOW.date().isoformat())]
    report = day_report(NOW.date(), NOW, None)
    assert f'href="synthesis/{NOW.date()}.html"' in write(report).read_text(encoding="utf-8")


def test_a_report_is_written_where_synthesis_fails_or_may_not_be_paid_for(desk, monkeypatch):
    monkeypatch.setattr(actions, "_qe", lambda *words: (0, "written"))
    desk.bars = KNOWN.frame.head(10)
    step = DeskStep(kind=StepKind.REPORT, key="x", due=NOW)

    failed = desk.actions().report(step, desk.situation())
    unpaid = desk.actions().report(step, desk.situation(paid=False))

    assert failed.text.startswith("written; no page of SYNTHESIS: ")
    assert unpaid.text == "written"
    assert 'href="synthesis/' not in write(day_report(NOW.date(), NOW, None)).read_text("utf-8")


@pytest.mark.parametrize(
    ("longest", "program", "why"),
    [
        (60.0, "print('no space on the disk'); raise SystemExit(1)", "no space on the disk"),
        (0.01, "import time; time.sleep(60)", "it took longer than 0 s"),
    ],
)
def test_what_the_page_of_a_failed_report_has_cost_counts_once(
    desk, monkeypatch, longest, program, why
):
    monkeypatch.setattr(actions, "QE", [sys.executable, "-c", program])
    monkeypatch.setattr(actions, "LONGEST", longest)
    monkeypatch.setattr(role_sessions, "cost_of", lambda session: Decimal("0.03"))
    step = DeskStep(kind=StepKind.REPORT, key="x", due=NOW)

    tried = [
        desk.actions().report(msgspec.structs.replace(step, attempt=one), desk.situation())
        for one in (1, 2, 3)
    ]

    assert all(one.failed and one.text == f"report: {why}" for one in tried)
    assert [one.usd for one in tried] == [0, 0, Decimal("0.03")]


def test_a_trade_that_closed_without_a_fresh_bar_is_left_to_the_sessions_analysts(desk):
    desk.journal.open_run(RUN, "paper", NOW)
    closed_trades(desk.journal, 1)
    desk.bars = KNOWN.frame.filter(pl.col("ts") < KNOWN.as_of - 600 * 10**9)

    found = desk.actions().review(review_step(0), desk.situation())

    assert found.skipped
    assert "no fresh bar" in found.text
