"""Each limit of the account, by a sentence. Chicago is six hours behind UTC in January."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from nautilus_trader.model import Currency, Money

from agents.guardian_limits import GuardianLimits, GuardianLimitsConfig
from qe_plugins import OrderRequest

USD = Currency.from_str("USD")
Orders = Callable[..., OrderRequest]


def at(moment: str) -> int:
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def dollars(amount: float) -> Money:
    return Money.from_str(f"{amount} USD")


class Book:
    """A portfolio with one account: its balances over time and its open profit."""

    def __init__(
        self, *balances: tuple[str, float], open_profit: float = 0, unpriced: tuple[str, ...] = ()
    ) -> None:
        self.states = balances or (("2024-01-01 00:00", 100_000.0),)
        self.open_profit, self.unpriced = open_profit, unpriced
        self.events = [
            SimpleNamespace(
                ts_event=at(moment),
                balances=[SimpleNamespace(currency=USD, total=dollars(amount))],
            )
            for moment, amount in self.states
        ]

    def account(self, venue: Any) -> Any:
        return self

    def starting_balances(self) -> dict[Currency, Money]:
        return {USD: dollars(self.states[0][1])}

    def balance_total(self, currency: Currency) -> Money:
        return dollars(self.states[-1][1])

    def missing_price_instruments(self, venue: Any) -> list[str]:
        return list(self.unpriced)

    def unrealized_pnls(self, venue: Any) -> dict[Currency, Money]:
        return {USD: dollars(self.open_profit)}


@pytest.fixture
def ask(
    qe_plugins: Callable[..., Any], qe_order: Orders, qe_contract: Any
) -> Callable[..., Callable[..., str | None]]:
    """Return a function that makes a guardian; that is a function from an order to a refusal."""

    def hire(book: Any = None, **config: Any) -> Callable[..., str | None]:
        desk = qe_plugins(GuardianLimits(msgspec.convert(config, GuardianLimitsConfig)))

        def refusal(**order: Any) -> str | None:
            given = {"stop": "4740", "working": 1, "ts": at("2024-01-03 15:00")} | order
            [answer] = desk.ask(
                "veto_order",
                order=qe_order(**given),
                instrument=qe_contract,
                portfolio=book or Book(),
            )
            if answer.error:
                raise answer.error
            return answer.value.reason if answer.value else None

        return refusal

    return hire


def test_a_small_protected_order_passes(ask: Any) -> None:
    assert ask()() is None


def test_contracts_are_counted_as_if_everything_working_filled(ask: Any) -> None:
    assert ask()(quantity=1, working=2) == "would hold 2 contracts, the limit is 1"


def test_a_reversal_of_one_contract_holds_one_and_passes(ask: Any) -> None:
    assert ask()(quantity=2, position=-1, working=1) is None


def test_an_entry_without_a_stop_is_refused(ask: Any) -> None:
    assert ask()(stop=None) == "no stop comes with the order"


def test_a_desk_may_do_without_stops(ask: Any) -> None:
    assert ask(stop_required=False)(stop=None) is None


def test_a_veto_names_every_limit_that_is_broken(ask: Any) -> None:
    reason = ask()(stop=None, working=5)

    assert reason == "would hold 5 contracts, the limit is 1; no stop comes with the order"


def test_orders_in_excess_of_the_pace_are_refused_for_a_minute(ask: Any) -> None:
    refusal = ask(orders_a_minute=2)
    seconds = [0, 10, 59, 60, 61]

    refused = [
        refusal(ts=at(f"2024-01-03 15:0{s // 60}:{s % 60:02d}")) is not None for s in seconds
    ]

    assert refused == [False, False, True, False, True]


def test_a_refused_order_does_not_count_against_the_pace(ask: Any) -> None:
    refusal = ask(orders_a_minute=1)

    assert refusal(stop=None) is not None
    assert refusal() is None


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        ("2024-01-03 21:44", None),
        ("2024-01-03 21:45", "15 min to the maintenance break"),
        ("2024-01-03 21:59", "1 min to the maintenance break"),
        ("2024-01-03 22:30", "in the maintenance break"),
        ("2024-01-03 23:00", None),
        ("2024-07-03 20:44", None),
        ("2024-07-03 20:45", "15 min to the maintenance break"),
        ("2024-07-03 22:00", None),
    ],
)
def test_entries_end_before_the_break_in_winter_and_in_summer(
    ask: Any, moment: str, reason: str | None
) -> None:
    assert ask()(ts=at(moment)) == reason


def test_how_long_before_the_break_is_a_setting(ask: Any) -> None:
    assert ask(before_break=3600)(ts=at("2024-01-03 21:10")) == "50 min to the maintenance break"


def test_the_daily_loss_ends_the_day(ask: Any) -> None:
    book = Book(("2024-01-03 14:00", 100_000), ("2024-01-04 14:00", 99_750))

    assert ask(book)(ts=at("2024-01-04 15:00")) == (
        "lost 250.00 USD this session, the limit is 250 USD"
    )


def test_a_dollar_short_of_the_daily_loss_is_not_yet_enough(ask: Any) -> None:
    book = Book(("2024-01-03 14:00", 100_000), ("2024-01-04 14:00", 99_751))

    assert ask(book)(ts=at("2024-01-04 15:00")) is None


def test_an_open_loss_counts_and_an_open_profit_does_not(ask: Any) -> None:
    states = (("2024-01-03 14:00", 100_000), ("2024-01-04 14:00", 99_850))
    noon = at("2024-01-04 15:00")

    assert ask(Book(*states, open_profit=-100))(ts=noon) is not None
    assert ask(Book(*states, open_profit=-99))(ts=noon) is None
    assert ask(Book(("2024-01-03 14:00", 100_250), states[1], open_profit=500))(ts=noon) is not None


def test_the_day_begins_at_five_in_the_afternoon_in_chicago(ask: Any) -> None:
    book = Book(("2024-01-02 14:00", 100_000), ("2024-01-03 22:00", 99_000))

    assert ask(book)(ts=at("2024-01-03 15:00")) is not None
    assert ask(book)(ts=at("2024-01-03 23:30")) is None


def test_without_an_account_the_answer_is_an_exception_and_so_a_veto(ask: Any) -> None:
    book = SimpleNamespace(account=lambda venue: None)

    with pytest.raises(LookupError, match="no account at XCME"):
        ask(book)()


def test_an_open_position_without_a_price_is_an_exception_and_so_a_veto(ask: Any) -> None:
    with pytest.raises(LookupError, match=r"no price for MESH24\.XCME"):
        ask(Book(unpriced=("MESH24.XCME",)))()


def test_the_limits_default_to_one_contract_and_a_small_loss() -> None:
    limits = GuardianLimitsConfig()

    assert (limits.max_contracts, limits.daily_loss) == (1, Decimal(250))
