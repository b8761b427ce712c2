"""Values that say their unit aloud."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.units import SECONDS, parse_duration, parse_fraction, parse_money

amounts = st.decimals(
    min_value=-(10**9), max_value=10**9, places=2, allow_nan=False, allow_infinity=False
)
sizes = st.integers(min_value=0, max_value=10**6)


@given(amount=amounts, currency=st.sampled_from(["USD", "EUR", "JPY"]))
def test_money_survives_being_written_with_its_currency(amount: Decimal, currency: str) -> None:
    assert parse_money(f"{amount} {currency}", currency) == amount


@given(amount=amounts, mark=st.sampled_from([",", "_"]))
def test_thousands_may_be_marked(amount: Decimal, mark: str) -> None:
    assert parse_money(f"{amount:,} USD".replace(",", mark)) == amount


@given(size=sizes, unit=st.sampled_from(sorted(SECONDS)))
def test_a_time_span_is_its_size_times_its_unit(size: int, unit: str) -> None:
    assert parse_duration(f"{size}{unit}") == size * SECONDS[unit]


@given(hours=sizes, minutes=sizes)
def test_time_spans_add_up(hours: int, minutes: int) -> None:
    whole = parse_duration(f"{hours}h{minutes}m")
    assert whole == parse_duration(f"{hours}h") + parse_duration(f"{minutes}m")


@given(size=amounts)
def test_a_hundred_basis_points_are_one_percent(size: Decimal) -> None:
    assert parse_fraction(f"{size * 100} bps") == parse_fraction(f"{size}%")


@given(size=amounts)
def test_a_number_without_a_unit_is_itself(size: Decimal) -> None:
    assert parse_money(str(size)) == parse_fraction(str(size)) == size


@pytest.mark.parametrize(
    ("text", "value"),
    [("15m", 900), ("2h", 7200), ("30s", 30), ("500ms", Decimal("0.5")), ("1d", 86_400)],
)
def test_the_usual_time_spans(text: str, value: Decimal) -> None:
    assert parse_duration(text) == value


@pytest.mark.parametrize("text", ["", "USD", "1,5 USD", "1,00 USD", "250 usd", "nan", "1e3 USD"])
def test_a_doubtful_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be an amount such as 250 USD"):
        parse_money(text)


def test_an_amount_in_another_currency_is_refused() -> None:
    with pytest.raises(ValueError, match="must be in USD"):
        parse_money("250 EUR", "USD")


@pytest.mark.parametrize("text", ["", "m", "15 parsecs", "-15m", "1m30", "inf"])
def test_a_doubtful_time_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a time span such as"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "bps", "20 bits", "%5", "nan%"])
def test_a_doubtful_fraction_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a fraction such as"):
        parse_fraction(text)
