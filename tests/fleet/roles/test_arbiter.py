"""ARBITER finds planted edges and leaks, and no jury turns a numeric failure into a pass."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qe_plugins.errors import QeError
from qe_plugins.fleet.roles import RoleContext, run_role
from qe_plugins.fleet.roles.arbiter import SeatAnswer, verdict
from qe_plugins.fleet.roles.attacks import AttackReport, NumericAttack, Outcome, attack
from qe_plugins.fleet.roles.thesis import Claims, load_thesis
from qe_plugins.fleet.roles.validation import attacked
from qe_plugins.fleet.sessions import SessionEnd, SessionResult
from qe_plugins.plugins.types import Role
from tests.fleet.conftest import market
from tests.fleet.roles.generated import (
    COST,
    HORIZON,
    LEAKS,
    STOP,
    fixed,
    leaking,
    planted,
    walk,
)

YAML = """
name: quiet
statement: A slow market goes on where it went, since nobody is in a hurry.
instrument: MESH24.XCME
side: long
entry: 1m.velocity.30 > 1
stop: 3
horizon: 20
"""


@pytest.fixture
def context(small):
    known = market()
    return RoleContext(loaded=small(), market=known, as_of=known.as_of)


def rates(seeds: int) -> tuple[list[AttackReport], list[AttackReport]]:
    edges = [planted(seed) for seed in range(seeds)]
    return edges, [planted(seed + 1_000, 0.0) for seed in range(seeds)]


def passed(reports: list[AttackReport]) -> float:
    return sum(one.outcome is Outcome.PASSED for one in reports) / len(reports)


def test_some_planted_edges_pass_and_the_same_theses_without_one_do_not():
    edges, none = rates(4)

    assert passed(edges) >= 0.5
    assert passed(none) == 0


@pytest.mark.long
def test_edges_are_detected_with_few_false_alarms():
    edges, none = rates(60)

    for bound in np.arange(0.0, 4.5, 0.5):
        found = [sum(one.score > bound for one in of) / 60 for of in (edges, none)]
        print(f"t > {bound:.1f}: detected {found[0]:.0%}, false alarms {found[1]:.0%}")
    print(f"all attacks: detected {passed(edges):.0%}, false alarms {passed(none):.0%}")
    assert passed(edges) >= 0.85
    assert passed(none) <= 0.05


@pytest.mark.parametrize("name", LEAKS)
def test_a_rule_that_knows_what_came_later_fails(name):
    found = leaking(name)

    assert found.outcome is Outcome.FAILED
    assert "leak" in found.failed


def test_too_few_trades_are_no_verdict():
    column = np.zeros(9_000, int)
    column[100:9_000:200] = 1

    found = attack("few", walk(1), fixed(column), stop=STOP, horizon=HORIZON, cost=COST)

    assert (found.trades < 100, found.outcome) == (True, Outcome.CANNOT_SAY)


def test_a_claim_that_is_not_reproduced_fails():
    column = np.zeros(9_000, int)
    column[100:9_000:40] = 1

    claims = Claims(trades=999, mean_r=2.0)
    found = attack(
        "big", walk(1), fixed(column), stop=STOP, horizon=HORIZON, cost=COST, claims=claims
    )

    assert {"trades claimed", "mean R claimed"} <= set(found.failed)


@pytest.mark.parametrize("numbers", [True, False])
def test_a_jury_can_object_to_a_pass_and_never_passes_a_failure(context, numbers):
    one = NumericAttack(name="t of mean net R", figure=3.0, bound=2.0, held=numbers)
    report = AttackReport(
        thesis="t", trades=300, mean_r=0.1, score=3.0, break_even=1.0, capacity=1, attacks=(one,)
    )
    for score in (-1.0, 1.0):
        answer = SeatAnswer(score=score, confidence=1.0, reason="sure")
        sessions = [
            SessionResult(session=f"s{n}", role="ARBITER", end=SessionEnd.ANSWERED, answer=answer)
            for n in range(3)
        ]
        found = verdict(dataclasses.replace(context, attacks=report), sessions)
        wanted = Outcome.PASSED if score > 0 else Outcome.OBJECTED
        assert found.outcome is (wanted if numbers else Outcome.FAILED)


@pytest.mark.long
def test_a_thesis_of_a_file_is_attacked_and_judged_by_a_blind_jury(context, tmp_path):
    file = tmp_path / "thesis.yaml"
    file.write_text(YAML, encoding="utf-8")
    known, report = attacked(file, context)

    ready = dataclasses.replace(context, attacks=report, statement=known.statement)
    found = run_role(Role.ARBITER, ready).found

    assert (found.jury.seats, found.jury.voted, found.jury.score) == (3, 0, None)
    assert found.outcome is report.outcome


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("stop: 3", "stop"),
        ("horizon: 20", "horizon"),
        ("entry: 1m.velocity.30 > 1", "entry"),
    ],
)
def test_a_thesis_without_a_stop_a_horizon_or_an_entry_is_refused(tmp_path, line, said):
    file = tmp_path / "thesis.yaml"
    file.write_text(YAML.replace(line + "\n", ""), encoding="utf-8")

    with pytest.raises(QeError, match=said):
        load_thesis(file)


def test_a_feature_that_does_not_exist_is_refused(tmp_path):
    file = tmp_path / "thesis.yaml"
    file.write_text(YAML.replace("velocity", "tomorrow"), encoding="utf-8")

    with pytest.raises(QeError, match="tomorrow"):
        load_thesis(file).rule()(market().bars("MESH24.XCME", "1m"))
