"""Trades are built from fills: nothing is lost or counted twice, for any fills."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from qe_plugins.engine.accounting.trades import (
    Fill,
    OpenTrade,
    build_trade,
    fill_totals,
    shortest_decimal,
    trade_figures,
)
from qe_plugins.plugins.types import Excursion, Side, Trade

TICK, MULTIPLIER = Decimal("0.25"), Decimal(50)
FEE = Decimal("2.15")
CENT = Decimal("0.01")


def fill(
    quantity: int, price: Decimal | str, number: int = 1, reference: str | None = None
) -> Fill:
    """Return a fill: positive bought, negative sold."""
    return Fill(
        ts=number,
        trade_id=f"T-{number}",
        client_order_id=f"O-{number}",
        instrument_id="ESZ13.XCME",
        strategy="a",
        quantity=Decimal(quantity),
        price=Decimal(price),
        commission=FEE * abs(quantity),
        currency="USD",
        reference=None if reference is None else Decimal(reference),
    )


def booked(fills: list[Fill]) -> tuple[list[Trade], list[list[Fill]], OpenTrade]:
    """Return the trades, the fills of each, and the open trade at the end."""
    position, trades, parts = OpenTrade(MULTIPLIER), [], []
    for one in fills:
        if closed := position.apply(one):
            parts.append(closed)
            trades.append(build_trade(closed, position.closed, MULTIPLIER, position.range, ()))
    return trades, parts, position


def excursion_of(position: OpenTrade, closed: list[Fill]) -> Excursion:
    """Return the excursion of the trade that was closed last."""
    found = build_trade(closed, position.closed, MULTIPLIER, position.range, ()).excursion
    assert found is not None
    return found


quantities = st.integers(-5, 5).filter(bool)
ticks = st.integers(6_000, 8_000)


@st.composite
def tapes(draw: st.DrawFn) -> list[Fill]:
    """Draw fills that end flat."""
    drawn = draw(st.lists(st.tuples(quantities, ticks), min_size=1, max_size=30))
    left = -sum(quantity for quantity, _ in drawn)
    drawn += [(left, draw(ticks))] if left else []
    return [fill(q, t * TICK, number) for number, (q, t) in enumerate(drawn, start=1)]


@given(tapes())
def test_what_trades_earn_is_the_cash_of_the_fills(fills: list[Fill]) -> None:
    trades, _, position = booked(fills)
    cash = sum((-f.quantity * f.price * MULTIPLIER - f.commission for f in fills), Decimal(0))
    assert position.net == 0
    assert sum((t.pnl for t in trades), Decimal(0)).quantize(CENT) == cash.quantize(CENT)
    paid = sum((t.commissions for t in trades), Decimal(0))
    assert paid.quantize(CENT) == sum((f.commission for f in fills), Decimal(0))


@given(tapes())
def test_every_contract_of_every_fill_is_in_exactly_one_trade(fills: list[Fill]) -> None:
    _, parts, _ = booked(fills)
    for one in fills:
        shares = [f.quantity for part in parts for f in part if f.trade_id == one.trade_id]
        assert sum(shares) == one.quantity
        assert len(shares) <= 2


@given(tapes())
def test_every_trade_goes_from_flat_to_flat_on_one_side(fills: list[Fill]) -> None:
    trades, parts, _ = booked(fills)
    for trade, part in zip(trades, parts, strict=True):
        sizes = [sum((f.quantity for f in part[: n + 1]), Decimal(0)) for n in range(len(part))]
        assert sizes[-1] == 0
        sign = 1 if trade.side is Side.LONG else -1
        assert all(position * sign > 0 for position in sizes[:-1])
        assert trade.quantity == max(map(abs, sizes)) == fill_totals(part).peak


@given(tapes())
def test_trades_are_numbered_without_repeats_and_in_order(fills: list[Fill]) -> None:
    trades, _, _ = booked(fills)
    assert [t.id for t in trades] == [f"ESZ13.XCME-a-{n + 1}" for n in range(len(trades))]
    assert [t.closed for t in trades] == sorted(t.closed for t in trades)
    assert all(t.opened <= t.closed for t in trades)


@given(st.integers(1, 5), ticks, ticks, st.lists(ticks, max_size=10), st.booleans())
def test_excursions_bound_what_a_trade_made_before_costs(
    size: int, entry: int, leave: int, seen: list[int], long: bool
) -> None:
    sign = 1 if long else -1
    position = OpenTrade(MULTIPLIER)
    position.apply(fill(sign * size, entry * TICK))
    for price in seen:
        position.extend_range(float(price * TICK), float(price * TICK))
    closed = position.apply(fill(-sign * size, leave * TICK, 2))
    assert closed is not None
    excursion = excursion_of(position, closed)
    gross = sign * (leave - entry) * TICK * size * MULTIPLIER
    assert excursion.adverse <= min(gross, Decimal(0))
    assert excursion.favorable >= max(gross, Decimal(0))
    path = [sign * (price - entry) * TICK * size * MULTIPLIER for price in (entry, leave, *seen)]
    assert (excursion.adverse, excursion.favorable) == (min(path), max(path))


@given(tapes())
def test_a_trade_earns_no_more_than_its_best_and_no_less_than_its_worst(fills: list[Fill]) -> None:
    trades, parts, _ = booked(fills)
    for trade, part in zip(trades, parts, strict=True):
        if len(part) == 2:
            assert trade.excursion is not None
            gross = trade.pnl + trade.commissions
            assert trade.excursion.adverse <= gross <= trade.excursion.favorable


def test_a_flipped_trade_ran_as_far_as_its_bars_and_the_next_one_starts_afresh() -> None:
    position = OpenTrade(MULTIPLIER)
    position.apply(fill(1, 6_800 * TICK, 1))
    position.extend_range(float(6_810 * TICK), float(6_795 * TICK))
    closed = position.apply(fill(-2, 6_804 * TICK, 2))
    assert closed is not None
    assert excursion_of(position, closed) == Excursion(
        10 * TICK * MULTIPLIER, -5 * TICK * MULTIPLIER
    )
    closed = position.apply(fill(1, 6_804 * TICK, 3))
    assert closed is not None
    assert excursion_of(position, closed) == Excursion(Decimal(0), Decimal(0))


def test_a_flip_closes_one_trade_and_opens_the_next_with_the_rest() -> None:
    trades, parts, position = booked([fill(2, "1700.00", 1), fill(-5, "1701.00", 2)])
    assert [(t.side, t.quantity, t.entry, t.exit) for t in trades] == [
        (Side.LONG, Decimal(2), Decimal("1700.00"), Decimal("1701.00"))
    ]
    assert trades[0].pnl == 2 * 50 - 2 * FEE - 2 * FEE
    assert position.net == -3
    assert [(f.quantity, f.commission) for f in position.fills] == [(Decimal(-3), 3 * FEE)]
    assert parts[0][1].trade_id == position.fills[0].trade_id == "T-2"


def test_a_trade_that_was_built_up_has_the_mean_of_its_entries() -> None:
    fills = [fill(1, "1700.00", 1), fill(3, "1704.00", 2), fill(-4, "1710.00", 3)]
    [trade], _, _ = booked(fills)
    assert (trade.quantity, trade.entry, trade.exit) == (4, Decimal(1703), Decimal(1710))
    assert trade.orders == ("O-1", "O-2", "O-3")


def test_the_price_range_of_a_trade_does_not_include_that_of_the_one_before() -> None:
    position = OpenTrade(MULTIPLIER)
    position.apply(fill(1, "1700.00", 1))
    position.extend_range(1_800.0, 1_600.0)
    position.apply(fill(-1, "1700.00", 2))
    position.apply(fill(1, "1700.00", 3))
    closed = position.apply(fill(-1, "1701.00", 4))
    assert closed is not None
    assert excursion_of(position, closed).favorable == 50
    assert excursion_of(position, closed).adverse == 0


def test_slippage_is_what_was_paid_beyond_the_reference_on_both_sides() -> None:
    fills = [
        fill(2, "1700.25", 1, reference="1700.00"),
        fill(-2, "1704.50", 2, reference="1705.00"),
    ]
    assert build_trade(fills, 1, MULTIPLIER, None, ()).slippage == Decimal("0.75")


def test_slippage_is_unknown_where_one_reference_is() -> None:
    fills = [fill(1, "1700.25", 1, reference="1700.00"), fill(-1, "1704.50", 2)]
    assert build_trade(fills, 1, MULTIPLIER, None, ()).slippage is None


def test_the_average_of_the_closing_side_leaves_the_opening_side_out() -> None:
    fills = [fill(-2, "1700.00"), fill(1, "1698.00"), fill(1, "1696.00")]
    trade = build_trade(fills, 1, MULTIPLIER, None, ())
    assert (trade.entry, trade.exit) == (1700, 1697)


@given(st.decimals(min_value=-1_000_000, max_value=1_000_000, places=9))
def test_a_price_of_up_to_fifteen_digits_survives_as_a_float(price: Decimal) -> None:
    assert shortest_decimal(float(price)) == price


@given(quantities, ticks, ticks, ticks, ticks)
def test_one_fill_and_its_opposite_add_up_like_any_others(
    size: int, entry: int, leave: int, hoped: int, feared: int
) -> None:
    first = fill(size, entry * TICK, 1, str(hoped * TICK))
    last = fill(-size, leave * TICK, 2, str(feared * TICK))
    nothing = fill(0, leave * TICK, 2, str(leave * TICK))
    quick, long = trade_figures([first, last]), trade_figures([first, last, nothing])
    assert quick == long
    assert [str(value) for value in astuple(quick)] == [str(value) for value in astuple(long)]
