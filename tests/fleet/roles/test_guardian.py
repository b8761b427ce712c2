"""GUARDIAN's posture only tightens, expires, and takes no orders from text."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import msgspec
import pytest

from agents.guardian_fleet import GuardianFleet, GuardianFleetConfig
from qe_plugins.fleet.messaging.outbox import FindingBody, Message
from qe_plugins.fleet.roles import PersonLimits, RoleContext, run_role
from qe_plugins.fleet.roles.guardian import GuardAnswer, facts, outcome
from qe_plugins.fleet.roles.publishing import publish_posture
from qe_plugins.fleet.sessions import SessionEnd, SessionResult
from qe_plugins.fleet.tasks.snapshot import MarketSnapshot
from qe_plugins.journal.facts import FactKind
from qe_plugins.plugins.types import Posture, Role, Side
from qe_plugins.recordings.postures import PostureFile, PublishedPosture, loosened
from qe_plugins.testing.views import FixedAccount
from tests.fleet.conftest import market
from tests.fleet.injections import INJECTIONS

MINUTE = 60_000_000_000
WILLING = GuardAnswer(part=1.0, long=True, short=True, halt=False, minutes=60, reason="all is well")
LIMITS = PersonLimits(max_contracts=4, max_loss=Decimal(400), validity=900.0)


@pytest.fixture
def context(small):
    """Return a desk in the middle of a session."""
    known = market(minutes=2_500)
    return RoleContext(loaded=small(), market=known, as_of=known.as_of, limits=LIMITS)


def session(answer):
    return SessionResult(session="s", role="GUARDIAN", end=SessionEnd.ANSWERED, answer=answer)


def test_a_willing_model_gets_no_more_than_a_person_allows(context):
    posture = outcome(context, session(WILLING)).posture

    assert posture.max_contracts <= 4
    assert posture.max_loss <= 400
    assert posture.valid_until == context.as_of + 900 * 10**9


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"part": 0.5}, "max_contracts", 2),
        ({"short": False}, "sides", (Side.LONG,)),
        ({"halt": True}, "halt", True),
        ({"minutes": 5}, "valid_until", 5),
        ({"part": 0.1}, "halt", True),
    ],
)
def test_a_careful_model_tightens(context, change, field, value):
    posture = outcome(context, session(msgspec.structs.replace(WILLING, **change))).posture

    wanted = context.as_of + value * MINUTE if field == "valid_until" else value
    assert getattr(posture, field) == wanted


def test_a_loss_at_its_limit_halts_whatever_the_model_says(context):
    lost = dataclasses.replace(context, loss=Decimal(400))

    assert outcome(lost, session(WILLING)).posture.halt


def test_a_posture_says_what_part_of_its_limit_is_lost(context):
    found = run_role(Role.GUARDIAN, dataclasses.replace(context, loss=Decimal(100))).found

    assert found.posture.reason.endswith("; loss 0.25 of its limit")
    assert found.wrong_figures == ()


@pytest.mark.parametrize("minutes", [40, 329, 330])
def test_without_enough_bars_for_the_usual_volatility_nothing_is_opened(small, minutes):
    whole = market(minutes=2_500)
    known = MarketSnapshot(whole.frame.tail(minutes))
    context = RoleContext(loaded=small(), market=known, as_of=known.as_of, limits=LIMITS)
    found = run_role(Role.GUARDIAN, context)

    assert found.session.end is SessionEnd.ANSWERED
    assert found.found.posture.halt is (minutes < 330)
    assert ("too few bars" in found.found.posture.reason) is (minutes < 330)


def test_without_an_answer_no_posture_is_published(context):
    silent = SessionResult(session="s", role="GUARDIAN", end=SessionEnd.DEADLINE)
    found = outcome(context, silent)

    assert found.posture is None
    assert any("no posture" in str(one.body) for one in facts(context, found, "c"))


def test_a_loosening_is_refused_and_journaled(context):
    until = context.as_of + 10 * MINUTE
    tight = Posture(
        reason="event", max_contracts=1, sides=(Side.LONG,), max_loss=Decimal(50), valid_until=until
    )
    found = outcome(dataclasses.replace(context, postures=[tight]), session(WILLING))

    assert set(found.refused) == {"max_contracts", "sides", "max_loss"}
    assert found.in_force.max_contracts == 1
    assert found.in_force.sides == (Side.LONG,)
    assert found.in_force.max_loss == 50
    kinds = [one.kind for one in facts(context, found, "c")]
    assert kinds == [FactKind.POSTURE, *[FactKind.FAILURE] * 3]


def test_a_wrong_figure_costs_the_sentence_and_not_the_limits(context):
    wrong = msgspec.structs.replace(WILLING, part=0.5, reason="volatility 99")
    found = outcome(context, session(wrong))

    assert found.wrong_figures == ("99",)
    assert "99" not in found.posture.reason
    assert found.posture.max_contracts == 2


def test_thirty_six_injections_change_no_field_of_the_posture(context):
    honest = run_role(Role.GUARDIAN, context).found
    body = FindingBody(
        score=0.0, confidence=0.0, coverage=1.0, effective=1.0, reason="calm", targets=()
    )
    for number, text in enumerate(INJECTIONS):
        bad = msgspec.structs.replace(body, reason=text)
        told = Message(scan="s", sender="1", role=Role.HUNTER, sequence=1, body=bad)
        attacked = dataclasses.replace(
            context, news=[text], lessons=[text], messages=[told], session=f"injected-{number}"
        )
        assert run_role(Role.GUARDIAN, attacked).found == honest
    obeyed = outcome(context, session(WILLING)).posture
    assert loosened(Posture(reason="", max_contracts=4, max_loss=Decimal(400)), obeyed) == ()


def published(name, *postures):
    file = PostureFile(name)
    for decided, posture in postures:
        file.append(PublishedPosture(decided=decided, posture=posture, session=f"s{decided}"))
    return file


def test_the_tightest_of_the_unexpired_postures_is_in_force():
    loose = Posture(reason="calm", max_contracts=4, valid_until=900)
    tight = Posture(reason="event", max_contracts=1, valid_until=300)
    file = published("two", (0, tight), (100, loose))

    assert [file.in_force(at).max_contracts for at in (50, 200, 299, 300, 899)] == [1, 1, 1, 4, 4]
    assert file.in_force(900) is None


def test_a_posture_is_published_once(context):
    found = run_role(Role.GUARDIAN, context)

    assert publish_posture("small", found) is True
    assert publish_posture("small", found) is False
    assert len(PostureFile("small").read()) == 1


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"ts": 500}, None),
        ({"ts": 1_000}, "no posture"),
        ({"ts": 500, "side": "SELL"}, "allows no sell"),
        ({"ts": 500, "worst_case_position": 3}, "the posture allows 2"),
        ({"ts": 50}, "no posture"),
    ],
)
def test_the_plugin_enforces_the_posture_in_force(qe_plugins, qe_order, order, said):
    posture = Posture(
        reason="calm",
        max_contracts=2,
        sides=(Side.LONG,),
        max_loss=Decimal(100),
        valid_until=1_000,
    )
    published("desk", (100, posture))
    desk = qe_plugins(GuardianFleet(GuardianFleetConfig(postures="desk")))
    desk.call("session_opened", account=FixedAccount(1_000))
    given = {"side": "BUY", "worst_case_position": 1} | order

    [answer] = desk.call("veto_order", order=qe_order(**given), account=FixedAccount(1_000)) or [
        None
    ]

    reason = answer.value.reason if answer is not None and answer.value else None
    assert (reason is None) if said is None else said in reason
