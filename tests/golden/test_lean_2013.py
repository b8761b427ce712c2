"""Published results of another backtester on the same days, and what each dollar of difference is.

The figures are those of the regression tests that QuantConnect publishes with LEAN (Apache-2.0):
the strategies are written anew here from what they do, and the fills of both sides are below, so
that a difference is a price, a fee or a moment that can be named.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from qe_plugins.config.loader import load
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.backtest import run
from tests.command import ROOT

POINT, FEE = Decimal(50), Decimal("2.15")
START = Decimal(100_000)

type Fill = tuple[str, str, int, str]
"""When (UTC), which contract, how many, at what price."""

type Trade = Callable[..., BacktestResult]


@pytest.fixture
def trade(shared_data: Path, tmp_path: Path) -> Trade:
    """Return a function that runs one strategy of `lean.py`, by last trades without slippage."""

    def run_one(
        name: str, contracts: list[str], data: str = "", **settings: object
    ) -> BacktestResult:
        file = tmp_path / "lean.yaml"
        given = {"contracts": [f"{one}.XCME" for one in contracts], **settings}
        file.write_text(
            f"extends: {ROOT / 'configs/base/cme.yaml'}\n"
            f"name: lean\n"
            f"data: {{dbn: {shared_data / 'es_2013'}, instruments: {given['contracts']}{data}}}\n"
            "rung: {name: 4 ES, risk: 100_000 USD, max_contracts: 4}\n"
            f"strategies: {{lean: {{path: 'tests.golden.lean:{name}', config: {given}}}}}\n"
            "slippage: {model: none}\n"
            "expiry: {flat_before: 0s}\n"
        )
        return run(load(file))

    return run_one


def fills(outcome: BacktestResult) -> list[Fill]:
    """Return the fills of a run as they are written below."""
    rows = outcome.fills.select("ts", "instrument_id", "side", "quantity", "price").rows()
    return [
        (
            f"{ts:%m-%d %H:%M}",
            contract.partition(".")[0],
            int(quantity) * (1 if side == "BUY" else -1),
            f"{price:.2f}",
        )
        for ts, contract, side, quantity, price in rows
    ]


def worth(*every: tuple[int, str]) -> Decimal:
    """Return what contracts bought (and sold, negative) at prices cost or bring, in dollars."""
    return -sum((Decimal(n) * Decimal(price) for n, price in every), Decimal(0)) * POINT


def test_a_long_front_held_over_its_expiry_and_bought_again(trade: Trade) -> None:
    """ManualContinuousFuturesPositionRollover: 107,591.40 there, 107,656.05 here.

    Both buy ESZ13 as regular hours begin on 7 October, are out of it on 20 December, buy ESH14 and
    hold it to the end of the data. Fees are 3 x 2.15 on both sides. There fills are at ask and bid
    of a minute's quotes, here at last trades:

    - entry: ask 1669.50 in the minute to 13:31, here the last trade at 13:30, 1669.25: +12.50
    - exit: bid 1810.00 in the minute to 14:31, here the contract's last trade, 1810.25: +12.50
    - entry into ESH14: ask 1805.00 and last trade 1805.00 in the minute to 14:31: 0.00
    - mark at the end: bid 1816.50 at 22:00, where regular hours end there; here the last trade on
      the tape, 1817.25 at 22:15: +37.50
    - there an open position is marked net of the fee to close it: +2.15
    """
    outcome = trade("HoldFront", ["ESZ13", "ESH14"], since="09:30")
    assert fills(outcome) == [
        ("10-07 13:30", "ESZ13", 1, "1669.25"),
        ("12-20 14:30", "ESZ13", -1, "1810.25"),
        ("12-20 14:31", "ESH14", 1, "1805.00"),
    ]
    ours = START + worth((1, "1669.25"), (-1, "1810.25"), (1, "1805.00"), (-1, "1817.25")) - 3 * FEE
    assert ours == Decimal("107656.05")
    assert equity(outcome) == ours
    theirs = START + worth((1, "1669.50"), (-1, "1810.00"), (1, "1805.00"), (-1, "1816.50"))
    assert theirs - 4 * FEE == Decimal("107591.40")
    named = [Decimal("12.50"), Decimal("12.50"), Decimal("37.50"), FEE]
    assert ours - sum(named) == Decimal("107591.40")


def test_a_contract_that_is_held_until_it_is_delisted(trade: Trade) -> None:
    """DelistedFutureLiquidate: 107,016.60 there, 107,020.70 here.

    Both buy the nearest contract in the first minute of regular hours on 8 October and hold it.

    - entry: ask 1670.00 in the minute to 13:31, here its last trade, 1669.75: +12.50
    - exit: there the middle of the last quote, 1810.00 at 1810.75, which is 1810.375; here the
      contract's last trade, 1810.25, as the data has no settlement price: -6.25
    - there a delisting costs no fee, here the exchange takes its fee for a final settlement: -2.15
    """
    outcome = trade("HoldFront", ["ESZ13"], ", start: 2013-10-08")
    assert fills(outcome) == [
        ("10-08 13:31", "ESZ13", 1, "1669.75"),
        ("12-20 14:30", "ESZ13", -1, "1810.25"),
    ]
    ours = START + worth((1, "1669.75"), (-1, "1810.25")) - 2 * FEE
    assert ours == Decimal("107020.70")
    assert equity(outcome) == ours
    assert START + worth((1, "1670.00"), (-1, "1810.375")) - FEE == Decimal("107016.60")
    named = [Decimal("12.50"), Decimal("-6.25"), -FEE]
    assert ours - sum(named) == Decimal("107016.60")


PLAN = (2, 1, -1, -3, -1, 2)
"""Contracts of each order when long first; the first one stands for one that is held already."""

MINUTES = ("10-07 13:31", "10-07 13:32", "10-08 13:31", "10-09 13:31", "10-10 13:31", "10-10 13:32")
TRADES = ("1669.50", "1668.75", "1669.75", "1652.50", "1668.00", "1668.50")
BIDS = ("1669.25", "1668.50", "1669.75", "1652.25", "1667.75", "1668.50")
ASKS = ("1669.50", "1668.75", "1670.00", "1652.50", "1668.00", "1668.75")


@pytest.mark.parametrize(
    ("side", "lean", "ours"),
    [
        (1, Decimal("100905.65"), Decimal("97503.50")),
        (-1, Decimal("98943.15"), Decimal("102453.50")),
    ],
    ids=["long", "short"],
)
def test_futures_that_settle_every_day(
    trade: Trade, side: int, lean: Decimal, ours: Decimal
) -> None:
    """FuturesDailySettlementLong and Short: 100,905.65 and 98,943.15 there.

    Here 97,503.50 and 102,453.50. The profit of each day is paid in cash there and is open profit
    here until a position closes: it is the same money when all is closed. What differs:

    - there one contract is put into the account at 1600.00, without an order or a fee; here it is
      bought (or sold) with the first one at 1669.50: 69.50 points, +3,475.00 long and -3,475.00
      short, and +2.15 for the fee
    - the other contracts trade at bid and ask of their minutes there, at last trades here: over
      the six orders -75.00 long and -37.50 short
    """
    outcome = trade("Settlements", ["ESZ13"], ", start: 2013-10-07, end: 2013-10-11", side=side)
    orders = [n * side for n in PLAN]
    prices = list(TRADES)
    assert fills(outcome) == [
        (at, "ESZ13", n, price) for at, n, price in zip(MINUTES, orders, prices, strict=True)
    ]
    own = START + worth(*zip(orders, prices, strict=True)) - 10 * FEE
    assert equity(outcome) == own == ours
    quoted = [(ASKS if n > 0 else BIDS)[at] for at, n in enumerate(orders)]
    there = [(side, "1600.00"), (side, quoted[0]), *list(zip(orders, quoted, strict=True))[1:]]
    assert START + worth(*there) - 9 * FEE == lean
    held = worth((side, "1600.00")) - worth((side, prices[0])) + FEE
    spreads = [
        worth((n - side * (at == 0), quoted[at])) - worth((n - side * (at == 0), prices[at]))
        for at, n in enumerate(orders)
    ]
    assert (held, sum(spreads)) == (3475 * side + FEE, -75 if side > 0 else Decimal("-37.5"))
    assert own + held + sum(spreads) == lean


def test_stops_in_extended_hours(trade: Trade) -> None:
    """FutureStopMarketOrderOnExtendedHours: 99,891.00 there, 99,978.50 here.

    On five evenings at 19:00 in New York (23:00 UTC) both buy one contract and send a stop a tenth
    above the market to sell it. There the stop fills at the bid of the next minute, here at once,
    at the price that it was sent on, as at a broker that takes a stop on the wrong side of the
    market for a market order. Ten fees of 2.15 on both sides, so 100,000.00 - 21.50 here; there
    the five moves from the ask of one minute to the bid of the next: -0.25, -0.25, -0.25, -0.25
    and -0.75 points, -87.50 dollars.
    """
    outcome = trade("StopsInTheEvening", ["ESZ13"], ", end: 2013-10-12")
    last = ("1676.25", "1667.75", "1654.50", "1653.25", "1680.75")
    wanted = [(f"10-{6 + n:02} 23:00", "ESZ13", s, p) for n, p in enumerate(last) for s in (1, -1)]
    assert fills(outcome) == wanted
    assert equity(outcome) == START - 10 * FEE == Decimal("99978.50")
    asks = ("1676.25", "1668.00", "1654.50", "1653.25", "1681.00")
    bids = ("1676.00", "1667.75", "1654.25", "1653.00", "1680.25")
    moves = worth(*[(1, price) for price in asks], *[(-1, price) for price in bids])
    assert moves == Decimal("-87.50")
    assert equity(outcome) + moves == Decimal("99891.00")


def equity(outcome: BacktestResult) -> Decimal:
    """Return the account's value at the end: its balance, and open trades at the last price."""
    open_trades = Decimal(0)
    for contract in set(outcome.fills["instrument_id"]):
        rows = outcome.fills.filter(instrument_id=contract)
        signs = [1 if side == "BUY" else -1 for side in rows["side"]]
        bought = list(zip(signs, rows["quantity"], rows["price"], strict=True))
        net = sum(sign * Decimal(str(n)) for sign, n, _ in bought)
        if net:
            last = Decimal(str(outcome.marks.filter(instrument_id=contract)["close"][-1]))
            [(_, _, price)] = bought
            open_trades += net * (last - Decimal(str(price))) * POINT
    return outcome.final_balance + open_trades
