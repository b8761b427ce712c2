"""A trade is followed from its bars to its reviews, past what belongs to other trades."""

from __future__ import annotations

import pytest

from qe_plugins.errors import JournalError
from qe_plugins.journal.trace import causal_chain, find_trade
from tests.journal.facts import fact, fill, order, small_run, snapshot, trade

TRADE = "MESH24.XCME-follower-1"


def told(facts, name: str = TRADE) -> list[tuple[int, str]]:
    steps = causal_chain(facts, find_trade(facts, name))
    return [(step.depth, step.fact.id.partition("@")[0]) for step in steps]


def names(facts, name: str) -> list[str]:
    return [fact_id for _, fact_id in told(facts, name)]


def test_the_chain_goes_from_the_bar_to_the_review():
    bar = "snapshot:MESH24.XCME-1-MINUTE-LAST-EXTERNAL"

    assert told(small_run()) == [
        (0, bar),
        (1, "vote:1"),
        (1, "signal:1"),
        (2, "size:1"),
        (2, "order:O-1"),
        (3, "fill:F-1"),
        (2, "order:O-2"),
        (0, bar),
        (1, "order:O-3"),
        (2, "fill:F-2"),
        (3, f"trade:{TRADE}"),
        (4, f"review:analyst_trades:{TRADE}"),
    ]


def test_an_order_of_another_strategy_on_the_same_signal_is_left_out():
    other = order("O-9", "signal:1", 0, "BUY", by="OTHER-001")

    assert "order:O-9" not in names([*small_run(), other], TRADE)


def test_an_order_of_the_next_trade_on_the_same_bar_is_left_out():
    facts = small_run()
    closing_bar = next(f.cause for f in facts if f.id == "order:O-3")
    reverse = [
        order("O-5", closing_bar, 30, "SELL"),
        fill("F-5", "O-5", 30, "SELL", "4752.00"),
        order("O-6", closing_bar, 31, "BUY"),
        fill("F-6", "O-6", 31, "BUY", "4751.00"),
        trade("next", "fill:F-6", 31, ["O-5", "O-6"]),
    ]

    assert "order:O-5" not in names([*facts, *reverse], TRADE)
    assert "order:O-3" not in names([*facts, *reverse], "next")


def test_a_veto_of_the_trades_order_is_in_the_chain():
    facts = [*small_run(), fact("veto:2", "order:O-2", 5, reason="no more", grows="1")]

    assert (3, "veto:2") in told(facts)


def test_a_chain_of_trades_is_followed_no_further_than_the_trade_before():
    first = [snapshot(0, "1"), order("O-0", snapshot(0, "1").id, 0, "BUY")]
    facts = [*first, fill("F-0", "O-0", 0, "BUY", "1")]
    for n in range(1, 3_000):
        facts.append(order(f"O-{n}", f"fill:F-{n - 1}", n, "BUY"))
        facts.append(fill(f"F-{n}", f"O-{n}", n, "BUY", "1"))
        facts.append(trade(f"T-{n}", f"fill:F-{n}", n, [f"O-{n - 1}", f"O-{n}"]))

    assert names(facts, "T-2999") == [
        *("order:O-2997", "fill:F-2997", "order:O-2998", "fill:F-2998"),
        *("order:O-2999", "fill:F-2999", "trade:T-2999"),
    ]


def test_a_deep_chain_is_told_to_its_end():
    facts = [snapshot(0, "1"), order("O-0", snapshot(0, "1").id, 0, "BUY")]
    for n in range(3_000):
        facts.append(fill(f"F-{n}", f"O-{n}", n, "BUY", "1"))
        facts.append(order(f"O-{n + 1}", f"fill:F-{n}", n, "BUY"))
    facts.append(trade("deep", "fill:F-2999", 3_000, [f"O-{n}" for n in range(3_000)]))

    assert told(facts, "deep")[-1] == (6_001, "trade:deep")


@pytest.mark.parametrize("text", [TRADE, f"trade:{TRADE}", "MESH24", "trade:MES", "1", "last"])
def test_a_trade_is_found_by_the_start_of_its_id_its_number_or_as_the_last(text):
    assert find_trade(small_run(), text).id == f"trade:{TRADE}"


def test_a_number_that_two_strategies_have_is_not_enough():
    twin = trade("MESH24.XCME-other-1", "fill:F-2", 30, [])

    with pytest.raises(JournalError, match="no trade '1'"):
        find_trade([*small_run(), twin], "1")


def test_an_unknown_trade_is_refused_with_those_there_are():
    with pytest.raises(JournalError, match=r"no trade 'X'\. There is MESH24.XCME-follower-1"):
        find_trade(small_run(), "X")


def test_a_run_without_trades_says_so():
    with pytest.raises(JournalError, match="the run has no trades"):
        find_trade([fact("run:small")], "X")
