"""Each limit of the account, by a sentence. Chicago is six hours behind UTC in January."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from agents.guardian_limits import GuardianLimits, GuardianLimitsConfig
from qe_plugins import OrderRequest, Posture
from qe_plugins.testing.market import nanoseconds
from qe_plugins.testing.views import FixedAccount

Orders = Callable[..., OrderRequest]


class Office:
    """A guardian, its account, and the sessions and orders that it hears of."""

    def __init__(self, desk: Any, order: Orders, contract: Any) -> None:
        self.desk, self.order, self.contract = desk, order, contract
        self.account = FixedAccount(100_000)

    def open(self, equity: float) -> None:
        """Open a session with so much equity."""
        self.account = FixedAccount(equity)
        [answer] = self.desk.call("session_opened", account=self.account)
        assert answer.error is None

    def refusal(self, at: str = "2024-01-03 15:00", **order: Any) -> str | None:
        """Return why an order is refused, by default a small protected one."""
        given = {"stop_trigger": "4740", "worst_case_position": 1, "ts": nanoseconds(at)} | order
        [answer] = self.desk.call(
            "veto_order",
            order=self.order(**given),
            instrument=self.contract,
            account=self.account,
            posture=self.posture,
        )
        if answer.error:
            raise answer.error
        return answer.value.reason if answer.value else None

    posture: Posture | None = None


@pytest.fixture
def hire(
    qe_plugins: Callable[..., Any],
    qe_order: Orders,
    qe_contract: Any,
) -> Callable[..., Office]:
    """Return a function that hires a guardian who has heard a session open."""

    def make(**config: Any) -> Office:
        desk = qe_plugins(GuardianLimits(msgspec.convert(config, GuardianLimitsConfig)))
        office = Office(desk, qe_order, qe_contract)
        office.open(100_000)
        return office

    return make


def test_a_small_protected_order_passes(hire: Any) -> None:
    assert hire().refusal() is None


def test_contracts_are_counted_as_if_everything_working_filled(hire: Any) -> None:
    reason = hire().refusal(quantity=1, worst_case_position=2)

    assert reason == "would hold 2 contracts, the limit is 1"


def test_a_reversal_of_one_contract_holds_one_and_passes(hire: Any) -> None:
    assert hire().refusal(quantity=2, position=-1, worst_case_position=1) is None


def test_a_posture_may_allow_fewer_contracts(hire: Any) -> None:
    office = hire(max_contracts=5)
    office.posture = Posture(reason="thin market", max_contracts=2)

    assert office.refusal(worst_case_position=3) == "would hold 3 contracts, the limit is 2"


def test_an_entry_without_a_stop_is_refused(hire: Any) -> None:
    assert hire().refusal(stop_trigger=None) == "no stop comes with the order"


def test_a_desk_may_do_without_stops(hire: Any) -> None:
    assert hire(stop_required=False).refusal(stop_trigger=None) is None


def test_a_veto_names_every_limit_that_is_broken(hire: Any) -> None:
    reason = hire().refusal(stop_trigger=None, worst_case_position=5)

    assert reason == "would hold 5 contracts, the limit is 1; no stop comes with the order"


def test_orders_in_excess_of_the_pace_are_refused_for_a_minute(hire: Any) -> None:
    office = hire(orders_a_minute=2)
    moments = ["15:00:00", "15:00:10", "15:00:59", "15:01:00", "15:01:01"]

    refused = [office.refusal(at=f"2024-01-03 {moment}") is not None for moment in moments]

    assert refused == [False, False, True, False, True]


def test_a_refused_order_does_not_count_against_the_pace(hire: Any) -> None:
    office = hire(orders_a_minute=1)

    assert office.refusal(stop_trigger=None) is not None
    assert office.refusal() is None


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        ("2024-01-03 21:44", None),
        ("2024-01-03 21:45", "15 min to the maintenance break"),
        ("2024-01-03 21:59", "1 min to the maintenance break"),
        ("2024-01-03 22:30", "maintenance break"),
        ("2024-01-03 23:01", None),
        ("2024-07-10 20:44", None),
        ("2024-07-10 20:45", "15 min to the maintenance break"),
        ("2024-07-10 22:01", None),
        ("2024-07-03 16:59", None),
        ("2024-07-03 17:00", "15 min to the maintenance break"),  # a half day closes at 12:15
        ("2024-07-03 20:44", "maintenance break"),
        ("2024-07-03 22:01", None),
        ("2013-10-09 20:05", "10 min to the maintenance break"),  # the halt of 15:15, until 2021
        ("2013-10-09 20:31", None),
        ("2013-10-09 21:05", "10 min to the maintenance break"),  # the close at 16:15, until 2015
    ],
)
def test_entries_end_before_the_break_in_winter_and_in_summer(
    hire: Any, moment: str, reason: str | None
) -> None:
    assert hire().refusal(at=moment) == reason


def test_how_long_before_the_break_is_a_setting(hire: Any) -> None:
    office = hire(before_break=3600)

    assert office.refusal(at="2024-01-03 21:10") == "50 min to the maintenance break"


def test_the_daily_loss_ends_the_day(hire: Any) -> None:
    office = hire()
    office.account = FixedAccount(99_750)

    assert office.refusal() == "lost 250.00 this session, the limit is 250"


def test_a_cent_short_of_the_daily_loss_is_not_yet_enough(hire: Any) -> None:
    office = hire()
    office.account = FixedAccount(99_750.01)

    assert office.refusal() is None


def test_the_next_session_starts_from_what_the_account_is_worth_then(hire: Any) -> None:
    office = hire()
    office.account = FixedAccount(99_000)
    assert office.refusal() is not None

    office.open(99_000)
    assert office.refusal() is None


def test_before_a_session_opened_the_answer_is_an_exception_and_so_a_veto(
    qe_plugins: Any, qe_order: Orders, qe_contract: Any
) -> None:
    office = Office(qe_plugins(GuardianLimits()), qe_order, qe_contract)

    with pytest.raises(LookupError, match="no session has opened"):
        office.refusal()


def test_a_session_that_opens_with_a_position_of_no_known_price_leaves_nothing_to_go_by(
    hire: Any,
) -> None:
    office = hire()
    office.desk.call("session_opened", account=FixedAccount(100_000, missing="MESH24.XCME"))

    with pytest.raises(LookupError, match="no session has opened"):
        office.refusal()


def test_an_open_position_without_a_price_is_an_exception_and_so_a_veto(hire: Any) -> None:
    office = hire()
    office.account = FixedAccount(100_000, missing="MESH24.XCME")

    with pytest.raises(LookupError, match=r"no price for MESH24\.XCME"):
        office.refusal()


def test_the_limits_default_to_one_contract_and_a_small_loss() -> None:
    limits = GuardianLimitsConfig()

    assert (limits.max_contracts, limits.daily_loss) == (1, Decimal(250))
