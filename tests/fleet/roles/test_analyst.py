"""ANALYST draws lessons from variants that could have been traded, and from enough of them."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import msgspec
import polars as pl
import pytest

from qe_plugins.fleet.roles import RoleContext, run_role
from qe_plugins.fleet.roles.analyst import ReviewAnswer, TaughtLesson, outcome, variants
from qe_plugins.fleet.roles.closed_trades import closed_trades
from qe_plugins.fleet.roles.held_lessons import held_lessons
from qe_plugins.fleet.roles.trade_variants import by_trade, without_each_vote
from qe_plugins.fleet.sessions import SessionEnd, SessionResult
from qe_plugins.fleet.tasks.snapshot import DAY, MINUTE, MarketSnapshot
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins.types import Role, Side, Signal, Trade
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


def test_trades_of_a_contract_that_is_no_longer_traded_are_reviewed_by_its_own_bars(context):
    last, next_one = context.market, "MESM24.XCME"
    later = market(minutes=300, names=(next_one,), start=last.as_of + 10 * DAY, level=9_000.0)
    past = MarketSnapshot(pl.concat([last.frame, later.frame]))
    rolled = dataclasses.replace(context, market=later, past=past, as_of=later.as_of)

    assert NAME not in past.instruments
    assert variants(rolled) == variants(context)
    unknown = msgspec.structs.replace(context.trades[0], instrument_id="MESZ23.XCME")
    assert by_trade(dataclasses.replace(context, trades=[unknown])) == [(unknown, {})]


def test_a_lesson_with_a_wrong_figure_or_without_support_is_refused(context):
    wrong = outcome(context, answered("exit_15m_later", "exit later: effect 99"))
    unsupported = outcome(context, answered("hold_forever", "hold forever"))

    assert "wrong figures 99" in wrong.refused[0]
    assert "do not support" in unsupported.refused[0]


def test_a_variant_pays_slippage_and_an_entry_a_bar_later_is_a_bar_later(context):
    bars = context.market.bars(NAME, "1m")
    clean = msgspec.structs.replace(context.trades[0], exit=context.trades[0].entry)
    paid = msgspec.structs.replace(clean, slippage=Decimal("0.50"))
    unit = float((bars.high - bars.low)[40:100].mean())

    def of(one):
        [(_, found)] = by_trade(dataclasses.replace(context, trades=[one]))
        return found

    moved = float(bars.close[100] - bars.close[101])
    assert of(clean)["entry_a_bar_later"] == pytest.approx(moved / unit)
    for name in ("entry_a_bar_later", "exit_15m_later", "out_after_30m"):
        assert of(paid)[name] == pytest.approx(of(clean)[name] - 0.25 / unit)
    assert of(paid)["out_after_120m"] == 0  # it had left by then


def vote(side, source, confidence=0.5):
    return Signal(instrument_id=NAME, side=side, reason="r", source=source, confidence=confidence)


@pytest.mark.parametrize(
    ("votes", "left"),
    [
        ([], {}),
        ([vote(Side.LONG, "one")], {"one": 0.0}),
        ([vote(Side.LONG, "one"), vote(Side.LONG, "two")], {"one": 1.0, "two": 1.0}),
        (
            [vote(Side.LONG, "one", 0.8), vote(Side.SHORT, "two", 0.6)],
            {"one": -1.0, "two": 1.0},
        ),
        (
            [vote(Side.LONG, "one", 0.8), vote(Side.LONG, "two"), vote(Side.SHORT, "three", 0.5)],
            {"one": 0.0, "two": 1.0, "three": 1.0},
        ),
    ],
)
def test_without_a_vote_the_others_decide(context, votes, left):
    whole = msgspec.structs.replace(context.trades[0], votes=tuple(votes))

    assert without_each_vote(whole) == left


def test_without_the_vote_that_led_to_it_a_trade_earns_nothing(context):
    trades = [
        msgspec.structs.replace(one, votes=(vote(Side.LONG, "hunter_desk"),))
        for one in context.trades
    ]
    voted = dataclasses.replace(context, trades=trades)
    found = {one.variant: one for one in variants(voted)}

    assert found["without_hunter_desk"].effect == pytest.approx(
        2 * found["half_the_size"].effect, abs=0.01
    )
    assert found["without_hunter_desk"].teaches


def lesson(context, known, effect=1.0, variant="exit_15m_later", **body):
    return Fact(
        id="lesson:1",
        kind=FactKind.LESSON,
        ts_event=known,
        source="analyst",
        body={
            "known": known,
            "text": "exits are early",
            "basis": {"variant": variant, "effect": effect},
            **body,
        },
    )


@pytest.mark.parametrize(
    ("after", "changes", "held"),
    [
        (0, {}, True),
        (0, {"effect": -1.0}, False),
        (20, {}, False),  # 20 trades are left since then
        (0, {"variant": "hold_forever"}, False),
        (0, {"held": 1}, False),  # it held before
    ],
)
def test_a_lesson_is_used_only_after_it_held_in_later_trades(context, after, changes, held):
    known = context.trades[after].opened - 1
    learned = [lesson(context, known, **changes)]

    found = held_lessons(dataclasses.replace(context, learned=learned))
    assert bool(found) is held
    assert all(one.agreed > 0.5 * one.trades >= 15 for one in found)


@pytest.mark.parametrize("slippage", [{}, {"slippage": None}, {"slippage": "0.25"}])
def test_a_run_of_the_journal_has_the_votes_behind_its_trades(slippage):
    facts = [
        Fact(id=f"vote:{n}", kind=FactKind.VOTE, ts_event=1, source=name, body=body)
        for n, (name, body) in enumerate(
            [
                ("one", {"instrument_id": NAME, "side": "LONG", "confidence": 0.7}),
                ("two", {"instrument_id": NAME, "side": "SHORT", "confidence": 0.2}),
            ]
        )
    ]
    signal = {"votes": ["vote:0", "vote:1"]}
    facts += [
        Fact(id="signal:1", kind=FactKind.SIGNAL, ts_event=1, source="a", body=signal),
        Fact(id="size:1", kind=FactKind.SIZE, ts_event=1, source="s", cause="signal:1", body={}),
        Fact(id="order:O-1", kind=FactKind.ORDER, ts_event=1, source="s", cause="size:1", body={}),
    ]
    body = {"instrument_id": NAME, "strategy": "s", "side": "LONG", "opened": 1, "closed": 2}
    body |= dict.fromkeys(("quantity", "entry", "exit", "pnl", "commissions"), "1")
    body |= {"currency": "USD", "orders": ["O-1"], **slippage}
    facts.append(Fact(id="trade:1", kind=FactKind.TRADE, ts_event=2, source="s", body=body))

    [found] = closed_trades(facts)
    assert found.slippage == (Decimal("0.25") if slippage.get("slippage") else None)
    assert [(one.source, str(one.side)) for one in found.votes] == [
        ("one", "LONG"),
        ("two", "SHORT"),
    ]


def test_no_variant_uses_a_bar_that_is_not_known_yet(context):
    last = int(context.trades[-1].closed)
    early = dataclasses.replace(context, as_of=last - 600 * MINUTE)

    counts = {one.variant: one.trades for one in variants(early)}

    assert max(counts.values()) < len(context.trades)
