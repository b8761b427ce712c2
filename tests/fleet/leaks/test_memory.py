"""The memory probe: its price first, its calls on a model server, its interval on known rates."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from qe_plugins.errors import FleetError
from qe_plugins.fleet.leaks.memory import difference_interval, probe, questions, refuse_dear
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.tasks.snapshot import MINUTE
from qe_plugins.recordings.records import RecordingInfo
from tests.fleet.conftest import START, document, market
from tests.fleet.models import KEYS, fleet_on, vendor

MODEL = "deepseek-flash"
LATER = START + 1_200 * 1_440 * MINUTE  # in 2027
HOURS = range(1_500, 2_700, 60)
SERVED = START + 365 * 1_440 * MINUTE
"""When the model, which has no published cutoff, first answered."""

BEFORE = [START + minute * MINUTE for minute in HOURS]
AFTER = [LATER + minute * MINUTE for minute in HOURS]


@pytest.fixture(scope="module")
def tape() -> pl.DataFrame:
    return pl.concat([market().frame, market(start=LATER, seed=2).frame])


def fleet(folder, server=None, **changes):
    ranks = {name: rank | {"model": MODEL} for name, rank in document()["ranks"].items()}
    calls = {"concurrency": 20, "timeout": "30s", "hedge_share": 0}
    coordinators = document()["coordinators"]
    plain = {"ranks": ranks, "coordinators": coordinators, "calls": calls} | changes
    return load(fleet_on(server, folder, **plain))


class Nowhere:
    """The address of a server that no test may reach."""

    url = "http://127.0.0.1:9"


def about(*points: int) -> RecordingInfo:
    return RecordingInfo(
        name="made",
        fleet={},
        mask="raw",
        prompts="p",
        root="ES",
        points=points,
        workers=1,
        served={MODEL: SERVED},
    )


def asked(loaded, tape, most=20, points=(*BEFORE, *AFTER)):
    return questions(loaded, tape, about(*points), 15, most)


def test_the_model_is_asked_on_both_sides_of_its_cutoff_within_its_price(
    tmp_path, tape, monkeypatch
):
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    with vendor(tmp_path) as server:
        loaded = fleet(tmp_path, server)
        every = asked(loaded, tape)
        price = refuse_dear(every, Decimal(1))
        found = probe(loaded, "made", every, Decimal(1))

        assert len(server.paid) == len(every) == found.before + found.after
        assert found.usd == server.usd <= price
    assert (found.before, found.after, found.failed) == (20, 20, 0)
    assert found.difference == found.before_right - found.after_right
    assert found.low < found.difference < found.high


@pytest.mark.parametrize("most", [None, Decimal("0.0001")])
def test_the_price_is_told_before_any_call(tmp_path, tape, most):
    every = asked(fleet(tmp_path, Nowhere), tape)

    with pytest.raises(FleetError, match=rf"40 questions to {MODEL} cost at most \$0\.\d+"):
        refuse_dear(every, most)


def test_rules_are_not_asked(tmp_path, tape):
    with pytest.raises(FleetError, match="rules, which remember nothing"):
        asked(fleet(tmp_path, Nowhere, provider="offline"), tape)


@pytest.mark.parametrize(("points", "side"), [(BEFORE, "after"), (AFTER, "before")])
def test_a_recording_on_one_side_of_the_cutoff_has_no_difference(tmp_path, tape, points, side):
    with pytest.raises(FleetError, match=f"no decision .*{side} the cutoff"):
        asked(fleet(tmp_path, Nowhere), tape, points=points)


def test_questions_show_no_more_than_the_window_did(tmp_path, tape):
    changed = tape.with_columns(
        close=pl.when(pl.col("ts") > AFTER[0]).then(9.0).otherwise(pl.col("close"))
    )
    loaded = fleet(tmp_path, Nowhere)
    prompts = [
        [one.request.prompt for one in asked(loaded, frame, points=(BEFORE[0], AFTER[0]))]
        for frame in (tape, changed)
    ]

    assert prompts[0] == prompts[1]


@pytest.mark.parametrize(("before", "after", "count"), [(0.5, 0.5, 20), (0.7, 0.5, 60)])
def test_the_interval_holds_the_true_difference(before, after, count):
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        low, high = difference_interval(rng.random(count) < before, rng.random(count) < after)
        held += low <= before - after <= high

    assert 0.93 <= held / 400 <= 0.99
