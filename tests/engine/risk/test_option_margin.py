"""The margin scan at the order gate: what a short option needs, what an account may not do."""

from __future__ import annotations

from typing import Any

import pytest
from nautilus_trader.model import Venue

from tests.engine.option_runs import (
    CALL,
    FAR_CALL,
    PUT,
    QUOTED,
    Steps,
    fills,
    trade,
    write_chain,
)

SEEN: list[dict[str, float]] = []
"""Initial margin by contract at each quote, in dollars."""


class Looks(Steps):
    """Notes the initial margins of the account before the orders of each quote."""

    def on_quote(self, quote: Any) -> None:
        margins = self.portfolio.instrument_initial_margins(Venue("XCME"))
        SEEN.append({str(one.symbol): money.as_double() for one, money in margins.items()})
        super().on_quote(quote)


def funded(dollars: int) -> str:
    return f"nautilus: {{venue: {{starting_balances: ['{dollars} USD']}}}}\n"


def locked(outcome):
    return outcome.account["locked"].to_list()


def denials(outcome):
    return outcome.orders.filter(status="DENIED")["reason"].to_list()


def test_a_short_call_ties_up_margin_until_it_is_assigned_and_the_future_after(tmp_path):
    write_chain()
    outcome = trade(tmp_path, {"option": CALL, "size": -1})
    start, sold, expired, assigned = locked(outcome)

    assert (start, expired) == (0.0, 0.0)
    assert 10_000 < sold < 30_000
    assert assigned == 22_302.0  # the initial margin of ESH26


def test_a_spread_needs_less_margin_than_the_short_call_alone(tmp_path):
    write_chain()
    naked = trade(tmp_path, {"option": CALL, "size": -1})
    spread = trade(tmp_path, {"option": FAR_CALL, "size": 1}, {"option": CALL, "size": -1})
    long = trade(tmp_path, {"option": CALL, "size": 1})

    assert locked(spread)[2] < 1_300 < locked(naked)[1]
    assert 0 < locked(long)[1] <= 10.25 * 50


def test_a_short_call_beyond_the_equity_is_denied_and_its_spread_is_not(tmp_path):
    write_chain()
    alone = trade(tmp_path, {"option": CALL, "size": -1}, more=funded(5_000))
    spread = trade(
        tmp_path,
        {"option": CALL, "size": -1},
        {"option": FAR_CALL, "size": 1},
        more=funded(5_000),
    )

    assert fills(alone) == []
    assert "margin: 1 EW2F26 C7000.XCME would bring the margin scan" in denials(alone)[0]
    assert [one[1] for one in fills(spread)[:2]] == [-1, 1]


def test_a_working_sale_of_options_has_the_margin_of_its_fill(tmp_path):
    SEEN.clear()
    write_chain(later={4: {CALL: (9.75, 10.25, 5, 4)}})
    waits = {"option": CALL, "size": -1, "limit": "9.75"}
    outcome = trade(tmp_path, waits, strategy=f"{__name__}:Looks")
    before, sent, working, sold = [one.get("ESH26", 0.0) for one in SEEN[:3] + SEEN[4:5]]

    assert fills(outcome)[0][:3] == (f"20:34 {CALL}", -1, 9.75)
    assert (before, sent) == (0.0, 0.0)
    assert working == pytest.approx(sold, rel=0.02)
    assert 10_000 < working < 22_302  # less than that of a future
    assert all(set(one) <= {"ESH26"} for one in SEEN[:20])


def test_legs_are_denied_together(tmp_path):
    write_chain()
    outcome = trade(
        tmp_path,
        {"option": PUT, "size": 1},
        {"option": CALL, "size": -3},
        {"option": FAR_CALL, "size": 1},
        more=funded(5_000),
    )

    assert fills(outcome) == []
    assert len(denials(outcome)) == 3


@pytest.mark.parametrize("together", [True, False])
def test_the_wing_of_a_spread_is_sold_only_with_the_short_call_bought_back(tmp_path, together):
    write_chain()
    leave = [{"at": 3, "option": FAR_CALL, "size": -1}]
    if together:
        leave.append({"at": 3, "option": CALL, "size": 1})
    outcome = trade(
        tmp_path,
        {"option": CALL, "size": -1},
        {"option": FAR_CALL, "size": 1},
        *leave,
        more=funded(5_000) + "margin: {on_breach: ignore}\n",
    )

    assert len(denials(outcome)) == (0 if together else 1)


def test_a_premium_beyond_the_cash_is_denied(tmp_path):
    write_chain(quotes=QUOTED | {CALL: (160.0, 161.0, 9, 9)}, prices=7_160.5)
    outcome = trade(tmp_path, {"option": CALL, "size": 1}, more=funded(8_040))

    assert "a premium of 8,050.00 USD is more than the cash of 8,040.00" in denials(outcome)[0]


def test_an_option_that_never_had_a_bid_and_an_ask_is_not_traded(tmp_path):
    write_chain(quotes={CALL: (None, 10.25, 0, 5)})
    outcome = trade(tmp_path, {"option": CALL, "size": 1})

    assert "has had no bid and ask yet, so its margin is unknown" in denials(outcome)[0]


def test_a_breach_of_the_scanned_margin_closes_the_short_call(tmp_path):
    write_chain(
        prices={0: 7_007.75, 10: 7_150.0},
        later={10: {CALL: (150.0, 151.0, 9, 9)}},
    )
    outcome = trade(tmp_path, {"option": CALL, "size": -1}, more=funded(26_000))

    assert fills(outcome)[1][:3] in {("20:40 " + CALL, 1, 151.0), ("20:41 " + CALL, 1, 151.0)}


def sizes(outcome):
    """Return minute and signed contracts of each fill."""
    return [(when.partition(" ")[0], size) for when, size, *_ in fills(outcome)]


def test_a_close_after_a_breach_goes_on_until_the_quoted_size_has_filled_it(tmp_path):
    write_chain(
        prices={0: 7_007.75, 10: 7_402.0},
        later={10: {CALL: (402.0, 403.0, 9, 1)}, 12: {CALL: (402.0, None, 9, 0)},
               14: {CALL: (402.0, 403.0, 9, 1)}},
    )  # fmt: skip
    outcome = trade(tmp_path, {"option": CALL, "size": -3}, more=funded(78_000))
    opened, *closed = sizes(outcome)

    assert opened[1] == -3
    assert [size for _, size in closed] == [1, 1, 1]
    assert {"20:42", "20:43"}.isdisjoint(when for when, _ in closed)


def test_a_close_before_expiry_goes_on_until_the_quoted_size_has_filled_it(tmp_path):
    write_chain(later={3: {CALL: (9.5, 10.25, 5, 1)}, 21: {CALL: (9.5, None, 5, 0)},
                       24: {CALL: (9.5, 10.25, 5, 1)}})  # fmt: skip
    outcome = trade(tmp_path, {"option": CALL, "size": -3}, flat_before="10m")
    opened, *closed = sizes(outcome)

    assert opened == ("20:32", -3)
    assert [size for _, size in closed] == [1, 1, 1]
    assert closed[0][0] == "20:50"
    assert closed[-1][0] < "20:59"
