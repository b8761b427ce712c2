"""Which steps a desk takes in a day: killed anywhere, it repeats nothing and leaves out nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from qe_plugins.desk.day_journal import DeskDayJournal
from qe_plugins.desk.loop import DeskLoop
from qe_plugins.desk.next_step import wake_at
from qe_plugins.desk.records import (
    ClosedTrade,
    DeskSituation,
    DeskStep,
    StepKind,
    StepRecord,
    StepState,
)
from qe_plugins.errors import FleetError
from qe_plugins.fleet.shutdown import StopRequest
from qe_plugins.journal.store import Journal
from qe_plugins.wall_clock import nanoseconds
from tests.desk.days import DAY, HOUR, Killed, Ledger, Market, at_once, plan, utc

TRADES = [
    ClosedTrade(run="session", trade="T-1", closed=utc("03 03:40")),
    ClosedTrade(run="session", trade="T-2", closed=utc("03 15:10")),
]


def day_of(market: Market, ledger: Ledger, journal: Journal) -> tuple[DeskDayJournal, bool]:
    """Run a desk from where the market's clock is, as a new process would."""
    day = DeskDayJournal.open(journal, "team", DAY)
    stop = at_once(StopRequest())
    desk = DeskLoop(
        "team",
        clock=market,
        eyes=market,
        actions=ledger.actions,
        longest_answer=timedelta(hours=2),
        stop=stop,
    )
    return day, desk.run_day(day, plan())


def a_day(market: Market, ledger: Ledger) -> DeskDayJournal:
    """Run a day to its end, beginning again wherever the desk was killed."""
    with Journal.open() as journal:
        while True:
            try:
                day, over = day_of(market, ledger, journal)
            except Killed:
                continue
            assert over
            return day


def kinds(ledger: Ledger, kind: StepKind) -> list[str]:
    return [one for one in ledger.calls if one.startswith(f"{kind}:")]


def market(**options: timedelta) -> Market:
    found = Market(utc("02 22:00"), **options)
    found.trades = TRADES
    return found


def test_a_quiet_day_has_all_its_steps_once():
    ledger = Ledger()
    day = a_day(market(), ledger)

    assert len(kinds(ledger, StepKind.HUNT)) == 5
    assert kinds(ledger, StepKind.REVIEW) == ["review:session/T-1", "review:session/T-2"]
    assert kinds(ledger, StepKind.PARITY) == ["parity:session"]
    assert kinds(ledger, StepKind.REPORT) == ["report:2024-01-03T13:00:00Z", "report:nightly"]
    assert {one.state for one in day.steps.values()} == {StepState.DONE}


def test_a_posture_is_renewed_at_half_its_validity_and_never_expires_in_the_session():
    ledger = Ledger()
    day = a_day(market(), ledger)
    guards = [one for one in day.steps.values() if one.step.kind is StepKind.GUARD]

    assert guards[0].step.due < plan().open
    for before, after in pairwise(guards):
        assert (
            timedelta(hours=2) <= after.step.due - before.step.due < timedelta(hours=2, minutes=20)
        )
    assert guards[-1].step.due + timedelta(hours=4) >= plan().close


def test_the_next_posture_is_due_at_half_the_part_of_the_last_that_ends_first():
    def after(renew: str | None) -> datetime:
        step = DeskStep(kind=StepKind.GUARD, key="x", due=utc("03 10:00"), run="session")
        record = StepRecord(
            step=step,
            state=StepState.DONE,
            at=step.due,
            valid_until=nanoseconds(utc("03 14:00")),
            renew=None if renew is None else nanoseconds(utc(renew)),
        )
        view = DeskSituation(now=utc("03 10:01"), run="session")
        return wake_at(plan(every=10 * HOUR), {step.id: record}, view)

    assert after(None) == utc("03 12:00")
    assert after("03 11:00") == utc("03 10:30")
    assert after("03 10:01") == utc("03 10:02")
    assert after("03 20:00") == utc("03 12:00")


@settings(max_examples=6)
@given(st.lists(st.booleans(), min_size=60, max_size=60), st.integers(1, 3))
def test_a_desk_killed_anywhere_pays_nothing_twice_and_leaves_nothing_out(chances, kills):
    ledger, left, ahead = Ledger(), [kills], iter(chances)

    def kill(step: str, phase: str) -> bool:
        killed = left[0] > 0 and next(ahead, False)
        left[0] -= killed
        return killed

    ledger.kill = kill
    with Journal.open() as journal:
        name = f"team-{uuid4().hex}"  # examples share the journal
        place = market()
        while True:
            day = DeskDayJournal.open(journal, name, DAY)
            desk = DeskLoop(
                "team",
                clock=place,
                eyes=place,
                actions=ledger.actions,
                longest_answer=timedelta(hours=2),
                stop=at_once(StopRequest()),
            )
            try:
                assert desk.run_day(day, plan())
                break
            except Killed:
                continue
        again = DeskDayJournal.open(journal, name, DAY)

    assert again.steps == day.steps
    done = [one for one in day.steps.values() if one.state is StepState.DONE]
    assert {one.step.id for one in done} >= {
        "review:session/T-1",
        "review:session/T-2",
        "report:nightly",
        "parity:session",
    }
    assert sum(one.step.kind is StepKind.HUNT for one in done) == 5
    assert sum(ledger.paid.values()) == day.spent()
    taken = {one: ledger.calls.count(one) for one in ledger.calls}
    assert sum(count - 1 for count in taken.values()) <= kills


def test_a_day_without_budget_from_noon_keeps_guarding_and_reports():
    ledger, place = Ledger(), market()
    noon = utc("03 18:00")
    place.paid = lambda at: at < noon
    day = a_day(place, ledger)
    after = [one for one in day.steps.values() if one.step.due >= noon]

    assert not [one for one in after if one.step.kind in (StepKind.HUNT, StepKind.REVIEW)]
    assert len([one for one in after if one.step.kind is StepKind.GUARD]) == 2
    assert day.steps["report:nightly"].state is StepState.DONE


def test_a_hunt_that_was_cut_off_is_dropped_once_its_market_is_gone():
    ledger, place = Ledger(), market()
    first = "hunt:2024-01-03T03:00:00Z"
    killed: list[datetime] = []

    def kill(step: str, phase: str) -> bool:
        if step == first and not killed:
            killed.append(place.at)
            place.at += timedelta(hours=6)
            return True
        return False

    ledger.kill = kill
    day = a_day(place, ledger)

    assert day.steps[first].state is StepState.SKIPPED
    assert first not in ledger.calls


def test_a_step_that_ends_the_desk_each_time_is_given_up():
    ledger, place = Ledger(), market()
    ledger.kill = lambda step, phase: step == "review:session/T-1" and phase == "begun"
    day = a_day(place, ledger)

    assert day.steps["review:session/T-1"].state is StepState.FAILED
    assert day.steps["report:nightly"].state is StepState.DONE


def test_what_failed_is_tried_three_times_and_a_posture_until_it_holds():
    ledger, place = Ledger(), market()
    take, tried = ledger.take, []

    def failing(step, view):
        tried.append(step.id)
        if step.kind is StepKind.PARITY or (step.kind is StepKind.GUARD and len(tried) < 4):
            raise FleetError("the server is away.")
        return take(step, view)

    with Journal.open() as journal:
        day = DeskDayJournal.open(journal, "team", DAY)
        desk = DeskLoop(
            "team",
            clock=place,
            eyes=place,
            actions=dict.fromkeys(StepKind, failing),
            longest_answer=timedelta(hours=2),
            stop=at_once(StopRequest()),
        )
        assert desk.run_day(day, plan())

    assert tried.count("parity:session") == 3
    assert day.steps["parity:session"].state is StepState.FAILED
    postures = [one for one in day.steps.values() if one.step.kind is StepKind.GUARD]
    assert [one.state for one in postures[:3]] == [
        StepState.FAILED,
        StepState.FAILED,
        StepState.DONE,
    ]
