"""Strategies, actors and algorithms configured in every way that people configure them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from nautilus_trader.common import DataActor
from nautilus_trader.model import (
    Bar,
    BarType,
    ExecAlgorithmId,
    InstrumentId,
    OrderSide,
    Quantity,
    TimeInForce,
)
from nautilus_trader.trading import (
    ExecutionAlgorithm,
    ExecutionAlgorithmConfig,
    Strategy,
    StrategyConfig,
)

made: list[Any] = []
"""What each `__init__` was given, oldest first."""


class AnnotatedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bar_type: str
    size: int = 1


class Annotated(Strategy):
    """Says by annotation which class its settings are."""

    def __init__(self, config: AnnotatedSettings | None = None) -> None:
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
    """As the strategies that come with Nautilus are configured."""

    def __new__(cls, *args: Any, **kwargs: Any) -> NativeConfig:
        return super().__new__(cls)

    def __init__(
        self, instrument_id: InstrumentId, bar_type: BarType, risk: Decimal = Decimal(1)
    ) -> None:
        self.instrument_id, self.bar_type, self.risk = instrument_id, bar_type, risk


class Heir(Annotated):
    """Leaves `__init__` to its parent."""


class Careless(Strategy):
    """Says of its settings that they are anything."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        made.append(config)


class Native(Strategy):
    def __init__(self, config: NativeConfig) -> None:
        super().__init__(config)
        made.append(config)


class WithPlainArguments(Strategy):
    """Takes its settings one by one, which `Strategy.__new__` would refuse."""

    def __new__(cls, *args: Any, **kwargs: Any) -> WithPlainArguments:
        return super().__new__(cls)

    def __init__(self, bar_type: BarType, size: Decimal = Decimal(1), note: str = "") -> None:
        super().__init__()
        made.append((bar_type, size, note))


class BuyerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    instrument_id: str
    contracts: int = 1
    algorithm: str | None = None


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
            self.trade(side)

    def trade(self, side: OrderSide) -> None:
        algorithm = self.config.algorithm
        order = self.order_factory.market(
            self.instrument_id,
            side,
            Quantity.from_int(self.config.contracts),
            exec_algorithm_id=ExecAlgorithmId(algorithm) if algorithm else None,
        )
        self.submit_order(order)


class WatcherConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bar_type: str


class Watcher(DataActor):
    """Keeps the time of each bar."""

    def __init__(self, config: WatcherConfig) -> None:
        super().__init__()
        self.bar_type = BarType.from_str(config.bar_type)

    def on_start(self) -> None:
        self.subscribe_bars(self.bar_type)

    def on_bar(self, bar: Bar) -> None:
        made.append(bar.ts_event)


class SplitterConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    size: int = 1


class Splitter(ExecutionAlgorithm):
    """Sends an order in parts of `size` contracts."""

    def __init__(self, config: SplitterConfig) -> None:
        super().__init__(ExecutionAlgorithmConfig(exec_algorithm_id=config.name))
        self.size = config.size

    def on_order(self, order: Any) -> None:
        part = Quantity.from_int(self.size)
        for _ in range(int(order.quantity.as_decimal()) // self.size):
            self.submit_order(self.spawn_market(order, part, TimeInForce.GTC))
