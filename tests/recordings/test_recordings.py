"""Recordings: read whole or not at all, delivered late and never early, labelled by cutoffs."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.errors import FleetError, ReplayMiss
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.recordings import folder, trials
from qe_plugins.recordings.arms import Arm, changed, with_workers
from qe_plugins.recordings.contamination import Contamination, contamination, of_decision
from qe_plugins.recordings.delivery import OpinionQueue, deliveries
from tests.recordings.conftest import MINUTE, NAME, SECOND, at, decision, recording

MORNING = at("2013-10-07T15:00")
DAYS = ("07", "08", "09", "10", "11", "14")
WEEK = recording(
    *(
        decision(at(f"2013-10-{day}T{hour}:00"), sign * 0.5, sign * 0.7)
        for day in DAYS
        for hour, sign in (("15", 1), ("18", -1 if day > "09" else 1))
    )
)


def written(whole) -> str:
    place = folder.folder_of(whole.info.name)
    place.path.mkdir(parents=True)
    place.write_info(whole.info)
    for one in whole.decisions:
        place.append(one)
    return whole.info.name


def test_a_recording_is_read_as_it_was_written():
    assert folder.read(written(WEEK)) == WEEK
    assert folder.read("made").sha256 == WEEK.sha256


@pytest.mark.parametrize("missing", [0, 5, 11])
def test_a_deleted_answer_is_a_miss_that_names_its_moment(missing):
    place = folder.folder_of(written(WEEK)).path / folder.DECISIONS
    lines = place.read_text().splitlines(keepends=True)
    del lines[missing]
    place.write_text("".join(lines))

    with pytest.raises(ReplayMiss, match=folder.shown(WEEK.info.points[missing])):
        folder.read("made")


def test_an_answer_without_latency_is_a_miss():
    lacking = msgspec.structs.replace(WEEK.decisions[2], latency=None)
    whole = msgspec.structs.replace(
        WEEK, decisions=(*WEEK.decisions[:2], lacking, *WEEK.decisions[3:])
    )

    with pytest.raises(ReplayMiss, match="without latency"):
        folder.read(written(whole))


def test_a_changed_answer_changes_the_hash():
    other = decision(WEEK.decisions[0].at, 0.5, 0.71)
    changed_one = msgspec.structs.replace(WEEK, decisions=(other, *WEEK.decisions[1:]))

    assert changed_one.sha256 != WEEK.sha256


def test_a_line_cut_off_by_a_crash_is_no_decision_and_one_given_twice_is_an_error():
    place = folder.folder_of(written(WEEK))
    file = place.path / folder.DECISIONS
    whole = file.read_bytes()
    file.write_bytes(whole[:-5])

    assert len(place.decisions()) == len(WEEK.decisions) - 1
    file.write_bytes(whole + whole.splitlines(keepends=True)[0])
    with pytest.raises(FleetError, match="second decision"):
        place.decisions()


def test_an_unknown_recording_is_named_with_the_one_meant():
    written(WEEK)

    with pytest.raises(FleetError, match="Did you mean 'made'"):
        folder.read("mode")


@given(
    latency=st.floats(0, 3_600),
    bars=st.lists(st.integers(0, 400), unique=True, min_size=1).map(sorted),
)
def test_no_opinion_is_delivered_before_its_decision_and_its_latency(latency, bars):
    whole = recording(
        *(decision(MORNING + n * 15 * MINUTE, 0.5, latency=latency) for n in range(8))
    )
    queue = OpinionQueue(deliveries(whole), 1e9)
    taken = [(now, queue.take(NAME, now)) for now in (MORNING + bar * MINUTE for bar in bars)]

    for now, opinion in taken:
        assert opinion is None or now >= opinion.decided + int(latency * SECOND) - 1
    decided = [one.decided for _, one in taken if one is not None]
    assert decided == sorted(set(decided))


def test_latency_can_be_replaced_or_worked_out_for_a_concurrency():
    one = recording(decision(MORNING, 0.5))

    assert deliveries(one)[0].at == MORNING + 30 * SECOND
    assert deliveries(one, latency=0)[0].at == MORNING
    assert deliveries(one, deliver_as=100)[0].at == MORNING + 2 * (10 + 4) * SECOND
    with pytest.raises(FleetError):
        deliveries(one, latency=1, deliver_as=100)


def test_an_opinion_that_finds_no_bar_for_long_is_dropped():
    queue = OpinionQueue(deliveries(recording(decision(MORNING, 0.5))), 600)

    assert queue.take(NAME, MORNING + 20 * MINUTE) is None
    assert queue.take(NAME, MORNING + 21 * MINUTE) is None


@pytest.mark.parametrize(
    ("day", "cutoff", "masked", "label"),
    [
        ("2013-10-07", "2026-06", False, Contamination.CONTAMINATED),
        ("2013-10-07", "2026-06", True, Contamination.MASKED),
        ("2026-06-30", "2026-06", True, Contamination.MASKED),
        ("2026-07-01", "2026-06", False, Contamination.NEAR),
        ("2026-09-28", "2026-06", False, Contamination.NEAR),
        ("2026-09-29", "2026-06", False, Contamination.CLEAN),
        ("2026-12-31", "2026-12", False, Contamination.CONTAMINATED),
        ("2027-01-01", "2026-12", False, Contamination.NEAR),
        ("2026-11-29", None, False, Contamination.CONTAMINATED),
    ],
)
def test_the_label_follows_from_the_cutoff(day, cutoff, masked, label):
    assert contamination(at(f"{day}T12:00"), cutoff, masked=masked) is label


def test_without_a_published_cutoff_answers_are_clean_after_the_day_it_was_first_served():
    served = at("2026-11-15T03:00")

    for day, label in (("15", Contamination.CONTAMINATED), ("16", Contamination.CLEAN)):
        moment = at(f"2026-11-{day}T23:00")
        assert contamination(moment, None, masked=False, served=served) is label


def test_a_decision_has_the_label_of_its_worst_model_and_rules_remember_nothing():
    one = decision(at("2026-11-20T12:00"), 0.5, models={"a": "2026-06", "b": None})
    info = recording(one).info

    assert of_decision(one, info) is Contamination.CONTAMINATED
    assert of_decision(msgspec.structs.replace(one, models={"a": "2026-06"}), info).is_evidence
    assert of_decision(msgspec.structs.replace(one, rules=True), info).is_evidence


def sides(opinions) -> Counter[float]:
    return Counter(round(one.score, 6) for one in opinions)


@pytest.mark.parametrize("arm", [Arm.ROTATED, Arm.RANDOM, Arm.DELAYED_BAR])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_controls_keep_the_number_and_the_sides_of_the_fleets_votes(arm, seed):
    fleet = deliveries(WEEK)

    assert sides(changed(fleet, arm, seed)) == sides(fleet)


def test_rotated_votes_move_by_whole_sessions_at_the_same_time_of_day():
    fleet = deliveries(WEEK)
    moved = changed(fleet, Arm.ROTATED, 1)
    day = 24 * 60 * MINUTE

    assert {one.decided for one in moved} == {one.decided for one in fleet}
    scores = {one.decided: one.score for one in fleet}
    assert any(scores[one.decided] != one.score for one in moved)
    assert {one.decided % day for one in moved} == {one.decided % day for one in fleet}


def test_a_rotation_over_the_change_of_the_clocks_keeps_the_time_in_chicago():
    fleet = deliveries(
        recording(decision(at("2013-11-01T15:00"), 0.4), decision(at("2013-11-04T16:00"), -0.4))
    )

    assert [one.decided for one in changed(fleet, Arm.ROTATED, 1)] == [one.decided for one in fleet]


def test_rotated_votes_are_about_the_contract_of_their_new_session():
    fleet = deliveries(
        recording(
            decision(at("2013-12-12T15:00"), 0.4, instrument="ESZ13.XCME"),
            decision(at("2013-12-13T15:00"), -0.4, instrument="ESH14.XCME"),
        )
    )
    moved = changed(fleet, Arm.ROTATED, 1)

    assert [(one.instrument, one.score) for one in moved] == [
        ("ESZ13.XCME", -0.4),
        ("ESH14.XCME", 0.4),
    ]


def test_the_other_arms_are_what_their_names_say():
    fleet = deliveries(WEEK)

    assert changed(fleet, Arm.NONE, 1) == []
    assert [-one.score for one in changed(fleet, Arm.INVERTED, 1)] == [one.score for one in fleet]
    assert changed(fleet, Arm.FULL, 1) == fleet
    later = changed(fleet, Arm.DELAYED_SESSION, 1)
    assert len(later) == len(fleet) - 2
    assert all(one.at - one.decided == 30 * SECOND for one in later)
    assert min(one.decided for one in later) > fleet[0].decided


def test_fewer_workers_are_drawn_by_the_seed_and_keep_every_decision():
    one = with_workers(WEEK, Arm.ONE, 1)

    assert {opinion.votes for each in one.decisions for opinion in each.opinions} == {1}
    assert with_workers(WEEK, Arm.ONE, 1) == one
    assert with_workers(WEEK, Arm.THIRTY, 1).decisions[0].opinions[0].votes == 2


def test_a_measurement_is_one_trial_for_a_recording_and_a_definition():
    now = datetime(2026, 11, 1, tzinfo=UTC)
    other = recording(decision(MORNING, 0.5))
    runs = [
        trials.register("votes", whole, {"horizon": minutes}, {"correlation": float("nan")}, now)
        for whole, minutes in ((WEEK, 15), (WEEK, 15), (WEEK, 30), (other, 15))
    ]
    with Journal.open() as journal:
        known = [fact for run in runs if run for fact in journal.facts(run, [FactKind.TRIAL])]

    assert [run is None for run in runs] == [False, True, False, False]
    assert [one.body["settings"]["horizon"] for one in known] == [15, 30, 15]
    assert known[0].body["figures"] == {"correlation": None}
