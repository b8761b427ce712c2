"""What trades and rolls cost: gross - fees - slippage = net, to the cent, for all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.report.figures import costs
from tests.report.fake import contract, frame, roll

NAME = contract().id
TRADE = ("P", NAME, "s", "LONG", 2.0, 4700.0, 4701.0, 0, 60 * 10**9)


def priced(pnl: float | None, fees: float, slippage: float | None) -> dict:
    positions = frame("positions", [(*TRADE, pnl, fees, 9.0, -1.0, slippage)])
    return costs.of_trades(positions, [contract()]).row(0, named=True)


@given(
    st.floats(-9e5, 9e5), st.floats(0, 900), st.none() | st.integers(-40, 40).map(lambda n: n / 4)
)
def test_gross_less_costs_is_net(pnl, fees, points):
    told = priced(pnl, fees, points)
    assert told["gross"] - told["fees"] - (told["slippage"] or 0.0) == pytest.approx(
        told["net"], abs=0.01
    )


def test_slippage_is_points_times_multiplier_times_contracts():
    told = priced(8.0, 2.0, 0.5)
    assert (told["slippage"], told["ticks"], told["gross"]) == (5.0, 2.0, 15.0)


def test_an_open_trade_has_only_fees():
    told = priced(None, 1.0, None)
    assert [told[name] for name in ("gross", "slippage", "net", "fees")] == [None, None, None, 1.0]


def test_costs_eat_a_share_of_a_gross_profit_only():
    assert costs.cost_share(80.0, 15.0, 5.0) == {
        "gross_pnl": 100.0,
        "cost": 20.0,
        "cost_share": 0.2,
    }
    assert costs.cost_share(-80.0, 15.0, None)["cost_share"] is None


def test_a_roll_costs_its_fees_and_what_both_legs_slipped():
    contracts = [contract(), contract("MESM24.XCME")]
    (told,) = costs.priced([roll(0, NAME, "MESM24.XCME")], contracts)
    assert [leg["slippage"] for leg in told["legs"]] == [2.5, 2.5]
    assert costs.totals([told]) == {"roll_fees": 2.28, "roll_slippage": 5.0, "roll_cost": 7.28}


def test_a_roll_without_its_price_pair_costs_what_is_known():
    (told,) = costs.priced([roll(0, NAME, NAME, prices=[], spread=None)], [contract()])
    assert (told["slippage"], told["cost"]) == (None, 2.28)
