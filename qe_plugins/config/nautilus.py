"""The `nautilus:` section: the engine's own settings under the engine's own names."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from qe_plugins.units import Money

Rate = Annotated[
    str,
    msgspec.Meta(
        description="A number of orders in a time span: `100/00:00:01` is a hundred a second.",
        pattern=r"^0*[1-9]\d*/(?!00:00:00$)\d\d:[0-5]\d:[0-5]\d$",
        extra={"says": "a rate such as 100/00:00:01"},
    ),
]


class NautilusModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the engine's own models, by its own name, with its own arguments."""

    type: str
    args: dict[str, Any] = {}


class Venue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`BacktestVenueConfig`, field by field, as Nautilus names them.

    `reject_stop_orders` is false, as no bracket may lose its stop: with Nautilus' own default a bar
    that passes entry and stop leaves the position unprotected.
    """

    name: str = "XCME"
    oms_type: Literal["NETTING", "HEDGING"] = "NETTING"
    account_type: Literal["MARGIN", "CASH"] = "MARGIN"
    starting_balances: list[str] = msgspec.field(default_factory=lambda: ["100_000 USD"])
    base_currency: str | None = "USD"
    default_leverage: Decimal | None = Decimal(1)
    book_type: Literal["L1_MBP", "L2_MBP", "L3_MBO"] = "L1_MBP"
    routing: bool = False
    frozen_account: bool = False
    reject_stop_orders: bool = False
    support_gtd_orders: bool = True
    support_contingent_orders: bool = True
    use_position_ids: bool = True
    use_random_ids: bool = False
    use_reduce_only: bool = True
    use_message_queue: bool = True
    use_market_order_acks: bool = False
    bar_execution: bool = True
    bar_adaptive_high_low_ordering: bool = False
    trade_execution: bool = True
    liquidity_consumption: bool = False
    queue_position: bool = False
    allow_cash_borrowing: bool = False
    oto_trigger_mode: Literal["PARTIAL", "FULL"] = "PARTIAL"
    price_protection_points: Annotated[int, msgspec.Meta(ge=0)] | None = None
    liquidation_enabled: bool = False
    liquidation_trigger_ratio: Annotated[float, msgspec.Meta(gt=0)] | None = None
    liquidation_cancel_open_orders: bool = True
    fill_model: NautilusModel | None = None
    latency_model: NautilusModel | None = None
    fee_model: NautilusModel | None = None
    margin_model: NautilusModel | None = None

    def __post_init__(self) -> None:
        if self.default_leverage is not None and self.default_leverage <= 0:
            raise ValueError(f"default_leverage must be positive, was {self.default_leverage}")


class RiskEngine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`RiskEngineConfig`, as Nautilus names it."""

    bypass: bool = False
    max_order_submit_rate: Rate | None = None
    max_order_modify_rate: Rate | None = None
    max_notional_per_order: dict[str, Money] = {}


class Nautilus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engine's own settings under the engine's own names."""

    trader_id: str = "DESK-001"
    venue: Venue = Venue()
    risk_engine: RiskEngine = RiskEngine()
    exec_engine: dict[str, Any] = {}
    data_engine: dict[str, Any] = {}
    cache: dict[str, Any] = {}
