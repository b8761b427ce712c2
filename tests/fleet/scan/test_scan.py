"""Scans on the offline provider: every node, the same answer twice, a replay without a call."""

from __future__ import annotations

from collections import Counter

import pytest

from qe_plugins.errors import FleetError, ReplayMiss
from qe_plugins.fleet.loader import load
from qe_plugins.fleet.messaging.outbox import Outbox
from qe_plugins.fleet.scan import lifecycle, store
from qe_plugins.fleet.scan.inspect import node_view
from qe_plugins.fleet.scan.store import DecisionLog
from qe_plugins.fleet.tree import LEVELS, tree_of
from qe_plugins.llm.providers.base import ServerFailure
from qe_plugins.llm.providers.offline import Offline
from tests.fleet.conftest import CONFIGS


class Silent(Offline):
    """Says nothing to those whose node begins so."""

    def __init__(self, *begins: str) -> None:
        self._begins = begins

    async def complete(self, request, feedback=""):
        if request.node.startswith(self._begins):
            raise ServerFailure("gone")
        return await super().complete(request, feedback)


@pytest.fixture
def provider(monkeypatch):
    """Return a function that puts a provider in the offline one's place."""

    def use(one: Offline) -> None:
        monkeypatch.setattr(lifecycle, "open_providers", lambda names, **_: {"offline": one})

    return use


def scan(small, **changes):
    return lifecycle.run(lifecycle.begin(small(**changes)))


def test_a_small_fleet_answers_with_every_node(small):
    result = scan(small)
    outcomes = store.find("last")[1].outcomes()

    assert (result.nodes, result.coverage, result.quorum, result.failures) == (20, 1.0, True, {})
    assert list(outcomes) == [node.id for node in tree_of(small().fleet).nodes()]
    assert all(one.missing is None for one in outcomes.values())
    assert result.asked == 12 + 2 + 1 + 1  # supervisors here never ask


def test_twice_gives_the_same_hash_and_the_second_time_nothing_is_sent(small):
    first, second = scan(small), scan(small)

    assert first.answer_sha256 == second.answer_sha256
    assert (first.calls_sent, second.calls_sent, second.calls_replayed) == (16, 0, 16)


def test_another_market_gives_another_hash(small):
    other = {"synthetic": {"sessions": 3, "contracts": 1, "seed": 8}}

    assert scan(small).answer_sha256 != scan(small, data=other).answer_sha256


def test_a_changed_task_is_asked_and_an_unchanged_one_is_not(small):
    scan(small)
    tasks = {"windows": {"timeframes": ["1m", "15m"], "bars": [20], "back": 6}}
    again = scan(small, coordinators=[{"role": "HUNTER", "tasks": tasks}])

    assert again.calls_replayed >= 6
    assert again.calls_sent >= 6


def test_a_replay_gives_the_same_answer_without_a_call(small):
    result = scan(small)
    replayed = lifecycle.run(lifecycle.reopen(result.scan_id), replay=True)

    assert replayed.answer_sha256 == result.answer_sha256
    assert (replayed.calls_sent, replayed.calls_replayed) == (0, 16)


def test_a_replay_that_misses_an_answer_is_an_error(small, tmp_path):
    scan(small)
    (tmp_path / "home" / "ledger.sqlite").unlink()
    for rest in (tmp_path / "home").glob("ledger.sqlite-*"):
        rest.unlink()

    with pytest.raises(ReplayMiss, match="was never answered"):
        lifecycle.run(lifecycle.reopen("last"), replay=True)


def test_a_whole_supervisor_without_answers_is_missing_and_said(small, provider):
    provider(Silent("1.1.1"))
    result = scan(small, calls={"retries": 0})

    assert (result.failures, result.coverage) == ({"server": 3}, 0.75)
    assert result.quorums == {"desk": "0/1", "coordinator": "0/1"} | {
        "captain": "1/2",
        "supervisor": "3/4",
    }
    assert (result.quorum, result.answer) == (False, None)
    assert result.score != 0  # what arrived is put together all the same


def test_a_captain_below_its_quorum_takes_its_coordinator_with_it(small, provider):
    provider(Silent("1.1."))
    result = scan(small, calls={"retries": 0})

    assert (result.quorum, result.answer, result.coverage) == (False, None, 0.5)
    with Outbox() as bus:
        assert [one.kind for one in bus.read()] == ["request"]


def test_a_scan_with_failures_replays_to_the_same_answer(small, provider):
    provider(Silent("1.2.2.1", "1.2.2.2"))
    result = scan(small, calls={"retries": 0})
    replayed = lifecycle.run(lifecycle.reopen("last"), replay=True)

    assert result.failures == {"server": 2}
    assert replayed.answer_sha256 == result.answer_sha256


def test_a_parent_whose_model_is_silent_hands_up_its_aggregate(small, provider):
    provider(Silent("desk"))
    result = scan(small, calls={"retries": 0})

    assert (result.quorum, result.answer, result.coverage) == (True, None, 1.0)
    assert store.find("last")[1].outcomes()["desk"].failure == "server"
    assert (
        lifecycle.run(lifecycle.reopen("last"), replay=True).answer_sha256 == result.answer_sha256
    )


def test_a_finished_scan_cannot_be_resumed(small):
    scan(small)

    with pytest.raises(FleetError, match="has finished"):
        lifecycle.reopen_unfinished("last")


def test_a_scan_that_died_before_its_end_resumes_to_the_same_answer(small):
    whole = scan(small)
    lifecycle.begin(small())
    resumed = lifecycle.run(lifecycle.reopen_unfinished("last"))

    assert resumed.scan_id != whole.scan_id
    assert resumed.answer_sha256 == whole.answer_sha256


def test_a_decision_cut_off_by_a_crash_was_not_made(tmp_path):
    file = tmp_path / "decisions.jsonl"
    DecisionLog(file).record_missing("1.1", {"1.1.2": "late"})
    with file.open("ab") as open_file:
        open_file.write(b'{"node":"1.2","mis')

    again = DecisionLog(file)
    again.record_failure("1", "timeout")

    assert (again.missing, again.failures) == ({"1.1": {"1.1.2": "late"}}, {"1": "timeout"})
    assert DecisionLog(file).failures == {"1": "timeout"}


def test_a_decision_that_was_made_stands_when_the_scan_goes_on(small):
    begun = lifecycle.begin(small())
    begun.folder.decisions().record_missing("1.1.1", {"1.1.1.2": "late"})
    result = lifecycle.run(lifecycle.reopen_unfinished("last"))

    assert result.failures == {"late": 1}


def test_each_coordinator_speaks_once_a_scan_also_when_resumed(small):
    scan(small)
    lifecycle.run(lifecycle.reopen("last"))  # as if it had died at the very end
    with Outbox() as bus:
        assert [(one.sender, one.sequence) for one in bus.read()] == [("1", 1)]


def test_scans_are_found_by_a_part_of_their_id(small):
    result = scan(small)

    assert store.find("last")[0] == store.find(result.scan_id[-8:])[0] == result.scan_id
    with pytest.raises(FleetError, match="is no scan"):
        store.find("nothing")


def test_a_node_shows_its_answer_its_children_and_its_exact_request(small):
    scan(small)
    begun = lifecycle.reopen("last")
    captain, worker = node_view(begun, "1.2"), node_view(begun, "1.2.1.3")

    assert [child["node"] for child in captain["children"]] == ["1.2.1", "1.2.2"]
    assert captain["request"].prompt.startswith("group expected answered")
    assert worker["task"]["id"] in ("window MESH24.XCME 5m 20 bars, 10 back", worker["task"]["id"])
    assert worker["settled"].typed(dict)["provider"] == "offline"
    assert worker["answer"].reason.startswith("offline rule")


def test_a_worker_without_an_answer_shows_what_it_was_asked_and_why_nothing_came(small, provider):
    provider(Silent("1.2.1.3"))
    scan(small, calls={"retries": 0})
    worker = node_view(lifecycle.reopen("last"), "1.2.1.3")

    assert (worker["missing"], worker["settled"].detail) == ("server", "gone")
    assert worker["request"].prompt.startswith("Window of instrument A")


def test_a_scan_without_an_end_says_whether_it_runs_or_was_left(small):
    begun = lifecycle.begin(small())
    left = node_view(begun, "1")
    with begun.folder.exclusive():
        running = node_view(begun, "1")

    assert (left["state"], running["state"]) == ("interrupted", "running")
    assert left["answer"] is left["aggregate"] is None
    assert [child["node"] for child in left["children"]] == ["1.1", "1.2"]


@pytest.mark.parametrize("node", ["3", "1.9", "1.1.1.1.1", "x"])
def test_a_node_that_is_not_there_is_refused(small, node):
    scan(small)

    with pytest.raises(FleetError, match=f"no node '{node}'"):
        node_view(lifecycle.reopen("last"), node)


@pytest.mark.long
def test_the_full_tree_runs_all_6406_nodes_twice_and_replays():
    loaded = load(CONFIGS / "full.yaml")
    first = lifecycle.run(lifecycle.begin(loaded))
    levels = Counter(LEVELS[0 if n == "desk" else n.count(".") + 1] for n in _nodes())
    second = lifecycle.run(lifecycle.begin(loaded))
    replayed = lifecycle.run(lifecycle.reopen(second.scan_id), replay=True)

    assert (first.nodes, first.coverage, first.messages) == (6_406, 1.0, 5)
    assert list(levels.values()) == [1, 5, 25, 125, 6_250]
    assert first.answer_sha256 == second.answer_sha256 == replayed.answer_sha256
    assert (second.calls_sent, replayed.calls_sent) == (0, 0)


def _nodes() -> list[str]:
    return list(store.find("last")[1].outcomes())
