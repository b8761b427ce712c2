"""The opening-range breakout, in plain Nautilus. Chicago is six hours behind UTC in winter."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from qe_plugins import Side
from strategies.opening_range import OpeningRange, OpeningRangeConfig
from tests.strategies.exchange import Desk, trade

Minutes = Callable[..., list[Any]]
WINTER, SUMMER = "2024-01-03 14:31", "2024-07-03 13:31"
RANGE = (4750, 4752, 4748)
"""Three minutes that make a range of 4748 to 4752."""


def breakout(**config: Any) -> OpeningRange:
    given = {"instrument_id": "MESH24.XCME", "length": 180} | config
    return OpeningRange(msgspec.convert(given, OpeningRangeConfig))


def test_a_close_above_the_range_is_bought_with_the_stop_below_it(
    qe_contract: Any, minutes: Minutes
) -> None:
    bars = minutes(*RANGE, 4753, 4740, at=WINTER)

    assert trade(breakout(), qe_contract, bars).fills == ["+1 @ 4753.00", "-1 @ 4748.00"]


def test_a_close_below_the_range_is_sold_with_a_target_of_twice_the_risk(
    qe_contract: Any, minutes: Minutes
) -> None:
    bars = minutes(*RANGE, 4747, 4730, at=WINTER)

    assert trade(breakout(), qe_contract, bars).fills == ["-1 @ 4747.00", "+1 @ 4737.00"]


def test_touching_the_edge_is_no_break(qe_contract: Any, minutes: Minutes) -> None:
    bars = minutes(*RANGE, 4752, (4750, 4748, 4752), at=WINTER)

    assert trade(breakout(), qe_contract, bars).orders == []


def test_there_is_one_trade_a_day(qe_contract: Any, minutes: Minutes) -> None:
    bars = minutes(*RANGE, 4753, 4740, 4745, 4760, at=WINTER)

    assert len(trade(breakout(), qe_contract, bars).fills) == 2


def test_the_next_day_has_a_range_of_its_own(qe_contract: Any, minutes: Minutes) -> None:
    first = minutes(*RANGE, 4753, 4740, at=WINTER)
    second = minutes(4740, 4742, 4738, 4743, at="2024-01-04 14:31")

    done = trade(breakout(), qe_contract, [*first, *second])

    assert done.fills[2:] == ["+1 @ 4743.00"]


def test_it_is_flat_before_the_session_ends(qe_contract: Any, minutes: Minutes) -> None:
    morning = minutes(*RANGE, 4753, at=WINTER)
    afternoon = minutes(4755, 4755, 4755, at="2024-01-03 20:54")

    done = trade(breakout(), qe_contract, [*morning, *afternoon])

    assert done.fills == ["+1 @ 4753.00", "-1 @ 4755.00"]
    assert [order.split()[1] for order in done.orders[1:3]] == ["CANCELED", "CANCELED"]


def test_a_position_that_a_holiday_kept_open_is_closed_at_the_next_bar(
    qe_contract: Any, minutes: Minutes
) -> None:
    morning = minutes(*RANGE, 4753, at=WINTER)
    evening = minutes(4754, 4754, at="2024-01-03 23:01")

    assert trade(breakout(), qe_contract, [*morning, *evening]).open_contracts == 0


def test_the_opening_follows_chicago_into_summer_time(qe_contract: Any, minutes: Minutes) -> None:
    lasting = type(qe_contract).from_dict(
        qe_contract.to_dict() | {"expiration_ns": 1_800_000_000_000_000_000}
    )
    bars = minutes(*RANGE, 4753, at=SUMMER)

    assert trade(breakout(), lasting, bars).fills == ["+1 @ 4753.00"]


def test_bars_before_the_opening_are_no_part_of_the_range(
    qe_contract: Any, minutes: Minutes
) -> None:
    bars = minutes(4790, 4700, *RANGE, 4753, at="2024-01-03 14:29")

    assert trade(breakout(), qe_contract, bars).fills == ["+1 @ 4753.00"]


def test_a_hosted_breakout_asks_its_desk_with_entry_and_stop(
    qe_contract: Any, minutes: Minutes
) -> None:
    hosted = breakout()
    hosted.desk = Desk(2)

    done = trade(hosted, qe_contract, minutes(*RANGE, 4753, at=WINTER))

    [signal] = hosted.desk.asked
    assert (signal.side, signal.stop_distance) == (Side.LONG, Decimal(5))
    assert done.fills == ["+2 @ 4753.00"]


@pytest.mark.parametrize("opens", ["8:30", "24:00", "half past eight"])
def test_a_time_of_day_is_written_with_four_digits(opens: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        breakout(opens=opens)
