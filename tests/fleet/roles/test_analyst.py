"""ANALYST draws lessons from variants that could have been traded, and from enough of them."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from qe_plugins.fleet.roles import RoleContext, run_role
from qe_plugins.fleet.roles.analyst import ReviewAnswer, TaughtLesson, outcome, variants
from qe_plugins.fleet.sessions import SessionEnd, SessionResult
from qe_plugins.fleet.tasks.snapshot import MINUTE
from qe_plugins.plugins.types import Role, Side, Trade
from tests.fleet.conftest import market

NAME = "MESH24.XCME"


def trade(bars, at, *, minutes=60, worse=0.0, number=0):
    """Return a long trade from a bar on, whose exit was `worse` points below the market's."""
    return Trade(
        id=f"t{number}",
        instrument_id=NAME,
        strategy="s",
        side=Side.LONG,
        quantity=Decimal(1),
        entry=Decimal(str(bars.close[at])),
        exit=Decimal(str(bars.close[at + minutes] - worse)),
        opened=int(bars.ts[at]),
        closed=int(bars.ts[at + minutes]),
        pnl=Decimal(0),
        commissions=Decimal(0),
        currency="USD",
    )


@pytest.fixture
def context(small):
    """Return a desk with 40 trades, each closed 40 points below the market."""
    known = market(minutes=2_900)
    bars = known.bars(NAME, "1m")
    trades = [trade(bars, 100 + 60 * n, worse=40.0, number=n) for n in range(40)]
    return RoleContext(loaded=small(), market=known, as_of=known.as_of, trades=trades)


def answered(variant, text):
    answer = ReviewAnswer(lessons=[TaughtLesson(variant=variant, text=text)])
    return SessionResult(session="s", role="ANALYST", end=SessionEnd.ANSWERED, answer=answer)


def test_a_lesson_rests_on_enough_trades_that_agree(context):
    found = run_role(Role.ANALYST, context).found

    assert "exit_15m_later" in [one.basis.variant for one in found.lessons]
    assert all(one.known == context.as_of for one in found.lessons)


def test_few_trades_teach_nothing(context):
    few = dataclasses.replace(context, trades=context.trades[:20], session="few")

    assert run_role(Role.ANALYST, few).found.lessons == ()


def test_a_lesson_with_a_wrong_figure_or_without_support_is_refused(context):
    wrong = outcome(context, answered("exit_15m_later", "exit later: effect 99"))
    unsupported = outcome(context, answered("hold_forever", "hold forever"))

    assert "wrong figures 99" in wrong.refused[0]
    assert "do not support" in unsupported.refused[0]


def test_no_variant_uses_a_bar_that_is_not_known_yet(context):
    last = int(context.trades[-1].closed)
    early = dataclasses.replace(context, as_of=last - 600 * MINUTE)

    counts = {one.variant: one.trades for one in variants(early)}

    assert max(counts.values()) < len(context.trades)
