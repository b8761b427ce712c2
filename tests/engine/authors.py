"""Strategies, actors and algorithms configured in every way that people configure them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from nautilus_trader.model import Bar, BarType, InstrumentId, OrderSide, Quantity, StrategyId
from nautilus_trader.trading import (
    Strategy,
    StrategyConfig,
)

made: list[Any] = []
"""What `__init__` was given, by whoever was made last."""


class AnnotatedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bar_type: str
    size: int = 1


class Annotated(Strategy):
    """Says by annotation which class its settings are."""

    def __init__(self, config: AnnotatedSettings) -> None:
        super().__init__(config)
        made.append(config)


class BesideConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bar_type: str
    size: int = 1


class Beside(Strategy):
    """Says nothing: `BesideConfig` stands beside it."""

    def __init__(self, config):
        super().__init__(config)
        made.append(config)


class Elsewhere(Strategy):
    """Says nothing, and no class of its name is there."""

    def __init__(self, config):
        super().__init__(config)
        made.append(config)


class NativeConfig(StrategyConfig):
    """As Nautilus' own strategies are configured."""

    def __init__(
        self,
        instrument_id: InstrumentId,
        bar_type: BarType,
        risk: Decimal = Decimal(1),
        **options: Any,
    ) -> None:
        self.instrument_id, self.bar_type, self.risk = instrument_id, bar_type, risk

    def __new__(cls, *args: Any, strategy_id: StrategyId | None = None, **kwargs: Any) -> Any:
        return super().__new__(cls, strategy_id=strategy_id)


class Native(Strategy):
    def __init__(self, config: NativeConfig) -> None:
        super().__init__(config)
        made.append(config)


class WithPlainArguments(Strategy):
    """Takes its settings one by one."""

    def __init__(self, bar_type: BarType, size: Decimal = Decimal(1), note: str = "") -> None:
        super().__init__()
        made.append((bar_type, size, note))


class BuyerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    instrument_id: str
    contracts: int = 1


class Buyer(Strategy):
    """Buys on the first bar and sells on the third."""

    def __init__(self, config: BuyerConfig) -> None:
        super().__init__(config)
        self.instrument_id = InstrumentId.from_str(config.instrument_id)
        self.bars = 0

    def on_start(self) -> None:
        self.subscribe_bars(BarType.from_str(f"{self.instrument_id}-1-MINUTE-LAST-EXTERNAL"))

    def on_bar(self, bar: Bar) -> None:
        self.bars += 1
        if side := {1: OrderSide.BUY, 3: OrderSide.SELL}.get(self.bars):
            quantity = Quantity.from_int(self.config.contracts)
            self.submit_order(self.order_factory.market(self.instrument_id, side, quantity))
