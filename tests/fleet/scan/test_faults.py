"""A vendor on a bad day: a decision by the deadline, a quorum that is stated, and no storm."""

from __future__ import annotations

import pytest

from qe_plugins.fleet.loader import load
from qe_plugins.fleet.scan import lifecycle, store
from tests.fleet.models import KEYS, RANKS, WORKERS, fleet_on, vendor

QUICK = {
    name: RANKS[name] | {"deadline": f"{seconds}s", "quorum": "60%"}
    for name, seconds in zip(RANKS, (9, 8, 7, 6, 5), strict=True)
}


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def scan(file):
    return lifecycle.run(lifecycle.begin(load(file)))


def test_a_bad_day_is_decided_by_the_deadline_without_a_storm(tmp_path):
    bad = {"rate_limited": 0.01, "stalled": 0.05, "stall": 30.0, "invalid": 0.005}
    with vendor(tmp_path, latency=0.05, **bad) as server:
        result = scan(fleet_on(server, tmp_path, ranks=QUICK, calls={"concurrency": 60}))
        requests = {line.request for line in server.sent}

        assert result.seconds < 25  # what stalls takes 30
        assert result.quorum
        assert result.coverage > 0.9
        assert set(result.failures) <= {"late"}
        assert len(server.sent) <= 1.1 * len(requests) + 1
        assert result.calls_sent <= 1.1 * result.asked + 1


def test_a_vendor_that_only_stalls_leaves_no_quorum_and_says_so_in_time(tmp_path):
    short = {
        name: rank | {"deadline": f"{1 + 0.2 * (4 - n):.1f}s"}
        for n, (name, rank) in enumerate(QUICK.items())
    }
    with vendor(tmp_path, stalled=1.0, stall=30.0) as server:
        result = scan(fleet_on(server, tmp_path, ranks=short))

    assert (result.quorum, result.answer, result.coverage) == (False, None, 0.0)
    assert result.failures == {"late": WORKERS}
    assert result.seconds < 25


def test_late_answers_are_dropped_and_the_replay_drops_the_same(tmp_path):
    with vendor(tmp_path, latency=0.05, stalled=0.2, stall=30.0) as server:
        short = {name: rank | {"quorum": "20%"} for name, rank in QUICK.items()}
        file = fleet_on(server, tmp_path, ranks=short, calls={"concurrency": 60, "hedge_share": 0})
        result = scan(file)
    replayed = lifecycle.run(lifecycle.reopen("last"), replay=True)

    assert 5 < result.failures["late"] < WORKERS / 2
    assert replayed.answer_sha256 == result.answer_sha256
    assert replayed.failures == result.failures


def test_an_answer_that_stays_invalid_is_a_typed_failure_and_paid_for_twice(tmp_path):
    with vendor(tmp_path, invalid=1.0) as server:
        result = scan(fleet_on(server, tmp_path))

        assert len(server.paid) == 2 * WORKERS
    assert result.failures == {"invalid": WORKERS}
    assert not result.quorum
    assert store.find("last")[1].outcomes()["1.1.1.1"].missing == "invalid"
