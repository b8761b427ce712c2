"""The account and the bar history that hooks receive, as a test sets them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING
from warnings import deprecated

import pytest

from qe_plugins.bars import Bars, columns_of
from qe_plugins.errors import FeatureError

if TYPE_CHECKING:
    from nautilus_trader.model import Bar


class FixedAccount:
    """An account with the equity that a test sets. `missing` is a contract without a price."""

    def __init__(self, equity: float | str | Decimal, missing: str = "") -> None:
        self.amount, self.missing = Decimal(str(equity)).quantize(Decimal("0.01")), missing

    def equity(self) -> Decimal:
        """Return the equity. Raises LookupError where a contract is `missing`."""
        if self.missing:
            raise LookupError(f"no price for {self.missing}")
        return self.amount

    def equity_at_least(self, amount: Decimal) -> bool:
        """Return whether the equity is `amount` or more. Raises LookupError as `equity`."""
        return self.equity() >= amount

    @deprecated("use `equity()`; `worth` is removed in the next release")
    def worth(self) -> Decimal:
        """Return `equity()`. Deprecated: removed in the next release."""
        return self.equity()

    @deprecated("use `equity_at_least()`; `is_worth` is removed in the next release")
    def is_worth(self, amount: Decimal) -> bool:
        """Return `equity_at_least(amount)`. Deprecated: removed in the next release."""
        return self.equity_at_least(amount)


class FixedHistory:
    """The closed bars that a test passes, oldest first."""

    def __init__(self, bars: tuple[Bar, ...]) -> None:
        self.bars = bars

    def last(self, bar_type: str, count: int) -> Bars:
        """Return the last `count` bars of a type."""
        known = [bar for bar in self.bars if str(bar.bar_type) == bar_type]
        return columns_of(bar_type, known[len(known) - min(count, len(known)) :])


class FixedFeatures:
    """The features that a test sets, by name; any other name is an error."""

    def __init__(self, values: Mapping[str, float]) -> None:
        self.values = dict(values)

    def __getitem__(self, name: str) -> float:
        if name not in self.values:
            raise FeatureError(f"the feature '{name}' is not declared.")
        return self.values[name]

    def known(self, *names: str) -> bool:
        """Return whether features are no NaN; all of them by default."""
        return all(self[name] == self[name] for name in names or self.values)


@pytest.fixture
def qe_features() -> Callable[[Mapping[str, float]], FixedFeatures]:
    """Return a function that builds features: `qe_features({"1m.velocity.30": 2.5})`."""
    return FixedFeatures


@pytest.fixture
def qe_walk() -> Callable[..., Bars]:
    """Return a function that builds one-minute bars of a random walk: `qe_walk(600, seed=3)`."""
    return random_walk


def random_walk(count: int, seed: int = 1) -> Bars:
    """Return one-minute bars of MES that follow a random walk on its ticks."""
    import numpy as np

    random = np.random.default_rng(seed)
    close = 4750 + 0.25 * np.cumsum(random.integers(-4, 5, count))
    open_ = np.concatenate([close[:1], close[:-1]])
    reach = 0.25 * random.integers(0, 5, (2, count))
    stamps = 1_704_294_000_000_000_000 + 60_000_000_000 * np.arange(1, count + 1, dtype=np.int64)
    columns = {
        "ts_event": stamps,
        "ts_init": stamps,
        "open": open_,
        "high": np.maximum(open_, close) + reach[0],
        "low": np.minimum(open_, close) - reach[1],
        "close": close,
        "volume": random.integers(1, 500, count).astype(np.float64),
    }
    return Bars("MESH24.XCME-1-MINUTE-LAST-EXTERNAL", columns)


@pytest.fixture
def qe_account() -> Callable[..., FixedAccount]:
    """Return a function that builds an account from its equity: `qe_account(100_000)`."""
    return FixedAccount


@pytest.fixture
def qe_history() -> Callable[..., FixedHistory]:
    """Return a function that builds a history of bars, oldest first: `qe_history(*bars)`."""
    return lambda *bars: FixedHistory(bars)
