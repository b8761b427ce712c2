"""The rules of MissionControl, over any sequence of what a person and the desk do."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.errors import QeError
from qe_plugins.journal.activity.records import MissionRow, MissionState
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.mission import rules
from qe_plugins.mission.rules import DeskItem

HOUR = 3_600_000_000_000
MONDAY = int(datetime(2026, 1, 5, 15, tzinfo=UTC).timestamp()) * 1_000_000_000  # 09:00 Chicago


class Board:
    """The rows as the journal would hold them: the last one of each item."""

    def __init__(self) -> None:
        self.at, self.numbers = MONDAY, 0
        self.rows: dict[str, MissionRow] = {}
        self.written: list[MissionRow] = []

    def apply(self, rows: list[MissionRow]) -> None:
        for row in rows:
            self.numbers += 1
            numbered = MissionRow(**{n: getattr(row, n) for n in row.__struct_fields__})
            numbered = numbered.__replace__(seq=self.numbers)
            self.rows[row.item] = numbered
            self.written.append(numbered)

    @property
    def held(self) -> list[MissionRow]:
        return [row for row in self.rows.values() if row.state is not MissionState.GONE]

    def capture(self, title: str) -> None:
        self.apply(rules.capture(self.held, title, self.at, f"p{self.numbers}"))

    def follow(self, *holding: DeskItem) -> None:
        self.apply(rules.follow(self.held, holding, self.at))

    def titles(self, state: str) -> list[str]:
        ordered = sorted(self.held, key=lambda row: row.seq)
        return [row.title for row in ordered if row.state == state]

    def item(self, title: str) -> str:
        return next(row.item for row in self.held if row.title == title)


@pytest.fixture
def board() -> Board:
    return Board()


def desk(source: str) -> DeskItem:
    return DeskItem(source=source, title=source, why="because", href="/x")


def test_the_first_thing_is_now_and_the_fourth_next_parks_the_oldest(board):
    for title in ("one", "two", "three", "four", "five"):
        board.capture(title)

    assert board.titles("now") == ["one"]
    assert board.titles("next") == ["three", "four", "five"]
    assert board.titles("parked") == ["two"]


def test_what_is_done_makes_room_for_the_oldest_next(board):
    for title in ("one", "two", "three"):
        board.capture(title)

    board.apply(rules.done(board.held, board.item("one"), board.at))

    assert board.titles("now") == ["two"]
    assert board.titles("next") == ["three"]


def test_an_alarm_is_now_and_leaves_by_itself_once_it_is_fixed(board):
    board.capture("read the report")
    board.follow(desk("alarm:7"))
    assert (board.titles("now"), board.titles("next")) == (["alarm:7"], ["read the report"])

    board.follow()

    assert (board.titles("now"), board.titles("next")) == (["read the report"], [])


def test_an_alarm_is_not_parked_by_what_a_person_writes_down(board):
    board.follow(desk("halt:1"))
    board.capture("mine")
    board.apply(rules.take(board.held, board.item("mine"), board.at))
    for number in range(5):
        board.capture(f"thought {number}")

    assert "halt:1" in board.titles("next")


def test_a_thing_that_a_person_finished_does_not_come_back_while_its_reason_holds(board):
    board.follow(desk("proposal:1"))
    board.apply(rules.done(board.held, "proposal:1", board.at))
    board.follow(desk("proposal:1"))
    assert board.titles("done") == ["proposal:1"]

    board.follow()
    board.follow(desk("proposal:1"))

    assert board.titles("now") == ["proposal:1"]


def test_not_now_lasts_until_the_next_session(board):
    board.follow(desk("scan:1"))
    board.apply(rules.not_now(board.held, "scan:1", board.at))
    board.at += 7 * HOUR
    board.follow(desk("scan:1"))
    assert board.titles("parked") == ["scan:1"]

    board.at += HOUR  # 17:00 in Chicago

    board.follow(desk("scan:1"))
    assert board.titles("now") == ["scan:1"]


def test_at_five_the_day_folds_itself_away_and_nothing_is_overdue(board):
    board.capture("finished")
    board.capture("left over")
    board.apply(rules.done(board.held, board.item("finished"), board.at))
    board.at += 8 * HOUR

    board.follow()

    assert board.titles("parked") == ["left over"]
    assert [row.title for row in board.held] == ["left over"]


def test_only_the_time_that_a_thing_was_now_counts(board):
    board.capture("first")
    board.capture("second")
    board.at += HOUR
    board.apply(rules.done(board.held, board.item("first"), board.at))
    board.at += HOUR // 2
    board.apply(rules.done(board.held, board.item("second"), board.at))

    assert [row.minutes for row in board.held] == [60, 30]


def test_a_friday_evening_belongs_to_monday():
    friday = int(datetime(2026, 1, 9, 22, 59, tzinfo=UTC).timestamp()) * 1_000_000_000

    assert rules.trading_day(friday) == date(2026, 1, 9)
    assert rules.trading_day(friday + HOUR) == date(2026, 1, 12)
    assert rules.next_session_ns(friday) == friday + HOUR // 60
    sunday = int(datetime(2026, 1, 11, 23, tzinfo=UTC).timestamp()) * 1_000_000_000
    assert rules.next_session_ns(friday + HOUR) > sunday


def test_an_empty_title_and_an_item_that_is_gone_are_refused(board):
    with pytest.raises(QeError, match="empty"):
        board.capture("  ")
    with pytest.raises(QeError, match="gone"):
        rules.done(board.held, "no such", board.at)


SOURCES = [desk(name) for name in ("halt:1", "alarm:2", "scan:3", "proposal:4", "review:5", "x:6")]

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("capture"), st.integers(0, 3)),
        st.tuples(st.sampled_from(["take", "not_now", "done"]), st.integers(0, 20)),
        st.tuples(st.just("follow"), st.sets(st.integers(0, 5)).map(tuple)),
        st.tuples(st.just("wait"), st.integers(1, 80)),
    ),
    max_size=25,
)


@settings(max_examples=120, deadline=None)
@given(STEPS)
def test_no_sequence_of_steps_breaks_the_rules(steps):
    board, holding = Board(), ()
    for name, value in steps:
        if name == "wait":
            board.at += value * HOUR
        elif name == "capture":
            board.capture(f"thought {value}")
        elif name == "follow":
            holding = tuple(SOURCES[number] for number in value)
            board.follow(*holding)
        elif board.held:
            row = board.held[value % len(board.held)]
            board.apply(getattr(rules, name)(board.held, row.item, board.at))
        states = Counter(row.state for row in board.held)
        assert states[MissionState.NOW] <= 1
        assert states[MissionState.NEXT] <= rules.MOST_NEXT
        assert states[MissionState.NOW] or not states[MissionState.NEXT]

    board.follow(*holding)
    assert {row.source for row in board.held} - {"person"} == {one.source for one in holding}
    assert rules.follow(board.held, holding, board.at) == []
    assert [row.seq for row in board.written] == sorted(row.seq for row in board.written)


def test_a_restart_loses_nothing():
    with ActivityJournal.open() as journal:
        journal.change_mission(lambda rows: rules.capture(rows, "mine", MONDAY, "p1"))
        before = journal.change_mission(
            lambda rows: rules.follow(rows, [desk("alarm:1")], MONDAY + 1)
        )
    with ActivityJournal.open() as again:
        assert again.mission() == before
        assert [(row.title, row.state) for row in before] == [("alarm:1", "now"), ("mine", "next")]
