"""Multipliers and ticks of a definition record as decimals."""

from __future__ import annotations

from decimal import Decimal

import databento_dbn

UNDEFINED = 2**63 - 1
NANO = Decimal(1_000_000_000)
NO_FRACTION = 255
PERCENT = Decimal(100)

# CME's variable ticks by tick rule: up to this price, this tick, beyond it that tick, in the feed's
# own prices. From CME's "Tick, Decimal and Fractional Pricing"; 15, which ES options have since
# 2024, is not in the public copy and is ES options' contract rule: 0.05 up to 10.00, then 0.25.
TICK_RULES = {
    1: ("500", "5", "10"),
    2: ("5", "0.5", "1"),
    3: ("10", "1", "2"),
    4: ("500", "5", "25"),
    10: ("300", "5", "25"),
    11: ("300", "5", "10"),
    12: ("5", "0.25", "0.5"),
    13: ("25", "1", "5"),
    15: ("1000", "5", "25"),
}


type Message = databento_dbn.InstrumentDefMsg


def multipliers(message: Message) -> list[Decimal]:
    """Return the multipliers that follow from the unit of measure and from the tick value.

    A contract with a main fraction (ZN: 32) is quoted in percent of its face value, which is its
    unit of measure; its amount field is not the value of a tick.
    """
    quantity = decimal(message.unit_of_measure_qty)
    if quantity and message.main_fraction not in (0, NO_FRACTION):
        return [_without_exponent(quantity / PERCENT)]
    found = [quantity] if quantity else []
    tick, value = (
        decimal(message.min_price_increment),
        decimal(message.min_price_increment_amount),
    )
    factor = decimal(message.display_factor)
    if tick and value and factor:
        found.append(_without_exponent(value / factor / tick))
    return found


def ticks(
    message: Message,
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Return the tick; for a variable tick also the price limit, and the tick above it."""
    if rule := TICK_RULES.get(message.tick_rule):
        factor = decimal(message.display_factor) or Decimal(1)
        limit, tick, above = (_without_exponent(Decimal(part) * factor) for part in rule)
        return tick, limit, above
    return decimal(message.min_price_increment), None, None


def decimal(fixed: int) -> Decimal | None:
    """Return units of 1e-9 as a decimal; None where undefined."""
    return None if fixed == UNDEFINED else _without_exponent(fixed / NANO)


def _without_exponent(number: Decimal) -> Decimal:
    """Return a number without trailing zeros and without an exponent."""
    whole = number.to_integral_value()
    return whole.quantize(Decimal(1)) if number == whole else number.normalize()
