"""Tasks of the workers: typed, one question each, computed from the market snapshot alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, Literal

import msgspec

from qe_plugins.bars import NUMBERS, Bars
from qe_plugins.features.windows import features_of_windows, named_features
from qe_plugins.fleet.settings import Backtests, Chains, Options, Tasks, Windows
from qe_plugins.fleet.tasks.snapshot import (
    CrossBacktests,
    MarketSnapshot,
    SnapshotBars,
    annual_volatility,
    black_76,
)


class SharedComputations:
    """Figures that several tasks of a list share, each computed when first used."""

    def __init__(self, tasks: Tasks, market: MarketSnapshot) -> None:
        self._tasks, self._market = tasks, market
        self._known: dict[
            tuple[Any, ...], Any
        ] = {}  # functools.cache on a method would keep the market alive

    def shifts(self, bars: SnapshotBars, count: int) -> Sequence[int]:
        """Return how many bars before the last the windows of `count` bars end."""
        wanted = self._tasks.windows
        if wanted is None:
            return ()
        end = min(wanted.back * wanted.stride, len(bars) - count + 1)
        return range(0, end, wanted.stride)

    def features(self, name: str, frame: str, count: int) -> dict[int, dict[str, float]]:
        """Return the features of every window of `count` bars, by its shift."""
        return self._once(self._features, name, frame, count)

    def crosses(self, name: str, frame: str, count: int) -> CrossBacktests:
        """Return the backtests on the latest `count` closes."""
        return self._once(self._crosses, name, frame, count)

    def volatility(self, name: str, lookback: int) -> tuple[float, float]:
        """Return the annualised volatility over `lookback` minutes, and over their last quarter."""
        return self._once(self._volatility, name, lookback)

    def realised(self, name: str) -> float:
        """Return the annualised volatility of the last session, 0 where there are too few bars."""
        return self._once(self._realised, name)

    def _once[T](self, work: Callable[..., T], *about: Any) -> T:
        key = (work.__name__, *about)
        if key not in self._known:
            self._known[key] = work(*about)
        found: T = self._known[key]
        return found

    def _realised(self, name: str) -> float:
        bars = self._market.bars(name, "1m")
        return annual_volatility(bars.close[-REALISED_BARS:]) if len(bars) > 2 else 0.0

    def _features(self, name: str, frame: str, count: int) -> dict[int, dict[str, float]]:
        bars = self._market.bars(name, frame)
        shifts = self.shifts(bars, count)
        found = dict(zip(shifts, features_of_windows(bars, count, shifts), strict=True))
        if self._tasks.windows is not None and self._tasks.windows.features and shifts:
            named = self._once(self._named, name, frame)
            return {back: figures | named[back] for back, figures in found.items()}
        return found

    def _named(self, name: str, frame: str) -> list[dict[str, float]]:
        """Return the features that the file names at every bar, the last one first."""
        wanted, bars = self._tasks.windows, self._market.bars(name, frame)
        assert wanted is not None
        columns = {one: getattr(bars, one) for one in NUMBERS}
        closed = Bars(f"{name} {frame}", {"ts_event": bars.ts, "ts_init": bars.ts, **columns})
        return named_features(closed, wanted.features, range(len(bars)))

    def _crosses(self, name: str, frame: str, count: int) -> CrossBacktests:
        return CrossBacktests(self._market.bars(name, frame).window(count).close)

    def _volatility(self, name: str, lookback: int) -> tuple[float, float]:
        closes = self._market.bars(name, "1m").close[-lookback - 1 :]
        return annual_volatility(closes), annual_volatility(closes[-lookback // 4 :])


DAYS = 365
REALISED_BARS = 1_380
"""Minutes of a session, over which the realised volatility of a chain's future is measured."""


class Task(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """One question. `instrument` and `detail` make the target, which an answer cannot choose.

    `ends` is the close of the last bar in UTC nanoseconds, `facts` are the computed figures.
    """

    id: str
    instrument: str
    detail: str
    ends: int
    facts: dict[str, float]

    @property
    def target(self) -> str:
        """Return the key under which answers of several workers are aggregated."""
        return f"{self.instrument} {self.detail}"


class WindowTask(Task, frozen=True, kw_only=True, tag="window"):
    """A window of bars of one instrument and timeframe, with its features."""

    timeframe: str
    bars: SnapshotBars


class OptionTask(Task, frozen=True, kw_only=True, tag="option"):
    """One European option. `facts` are per 100 of the future's price; `level` is that price."""

    right: Literal["call", "put"]
    moneyness: float
    days: int
    level: float


class ChainTask(Task, frozen=True, kw_only=True, tag="chain"):
    """A listed option at its market price, or a spread of two: what is sold, what is bought."""

    right: Literal["call", "put"]
    days: float
    symbols: tuple[str, ...]


class BacktestTask(Task, frozen=True, kw_only=True, tag="backtest"):
    """One parameter set and its result, which is computed here and not by a model."""

    timeframe: str
    fast: int
    slow: int
    bars: int


type TaskParameters = tuple[str, tuple[Any, ...]]
"""The kind of a task and the parameters to build it from."""


class TaskList:
    """The tasks of one coordinator over a market, built when indexed."""

    def __init__(self, tasks: Tasks, market: MarketSnapshot) -> None:
        self._market, self._shared = market, SharedComputations(tasks, market)
        self._cost = tasks.backtests.cost if tasks.backtests else 0.0
        self._parameters = [
            *(_window_parameters(tasks.windows, market, self._shared) if tasks.windows else ()),
            *(_option_parameters(tasks.options, market) if tasks.options else ()),
            *(_chain_parameters(tasks.chains, market) if tasks.chains else ()),
            *(_backtest_parameters(tasks.backtests, market) if tasks.backtests else ()),
        ]

    def __len__(self) -> int:
        return len(self._parameters)

    def __getitem__(self, number: int) -> Task:
        kind, parameters = self._parameters[number]
        match kind:
            case "window":
                return _window_task(self._market, self._shared, *parameters)
            case "option":
                return _option_task(self._market, self._shared, *parameters)
            case "chain":
                return _chain_task(self._market, self._shared, *parameters)
            case _:
                return _backtest_task(self._market, self._shared, self._cost, *parameters)


def _window_parameters(
    wanted: Windows, market: MarketSnapshot, shared: SharedComputations
) -> Iterator[TaskParameters]:
    for name, frame, bars in product(market.instruments, wanted.timeframes, wanted.bars):
        shifts = shared.shifts(market.bars(name, frame), bars)
        yield from (("window", (name, frame, bars, back)) for back in shifts)


def _option_parameters(wanted: Options, market: MarketSnapshot) -> Iterator[TaskParameters]:
    for name, lookback in product(market.instruments, wanted.lookbacks):
        if len(market.bars(name, "1m")) > lookback:
            grid = product(wanted.days, wanted.rights, wanted.moneyness)
            yield from (("option", (name, lookback, *one)) for one in grid)


def _chain_parameters(wanted: Chains, market: MarketSnapshot) -> Iterator[TaskParameters]:
    from qe_plugins.fleet.tasks.chain_rows import chain_rows  # loads compiled code

    if market.chain is not None:
        for number, rows in enumerate(chain_rows(market.chain, wanted), 1):
            if rows[0]["instrument"] in market.instruments:
                yield "chain", (number, rows)


def _backtest_parameters(wanted: Backtests, market: MarketSnapshot) -> Iterator[TaskParameters]:
    for name, frame, bars in product(market.instruments, wanted.timeframes, wanted.bars):
        if len(market.bars(name, frame)) >= bars:
            pairs = product(wanted.slow, wanted.fast)
            yield from (
                ("backtest", (name, frame, bars, fast, slow))
                for slow, fast in pairs
                if fast < slow < bars // 2
            )


def _window_task(
    market: MarketSnapshot, shared: SharedComputations, name: str, frame: str, count: int, back: int
) -> WindowTask:
    bars = market.bars(name, frame).window(count, back)
    return WindowTask(
        id=f"window {name} {frame} {count} bars, {back} back",
        instrument=name,
        detail=frame,
        ends=int(bars.ts[-1]),
        facts=shared.features(name, frame, count)[back],
        timeframe=frame,
        bars=bars,
    )


def _option_task(
    market: MarketSnapshot,
    shared: SharedComputations,
    name: str,
    lookback: int,
    days: int,
    right: Literal["call", "put"],
    moneyness: float,
) -> OptionTask:
    bars = market.bars(name, "1m")
    long, short = shared.volatility(name, lookback)
    priced = black_76(right, 100 * moneyness, days / DAYS, long)
    distance = math.log(moneyness) / (long * math.sqrt(days / DAYS))
    facts = {
        "volatility": long,
        "recent_volatility": short,
        "edge": short / long - 1,
        "distance": distance,
        **priced,
    }
    return OptionTask(
        id=f"option {name} {right} {moneyness:g} {days}d, over {lookback}m",
        instrument=name,
        detail=f"{right} {moneyness:g} {days}d",
        ends=int(bars.ts[-1]),
        facts={key: round(value, 4) for key, value in facts.items()},
        right=right,
        moneyness=moneyness,
        days=days,
        level=float(bars.close[-1]),
    )


def _chain_task(
    market: MarketSnapshot,
    shared: SharedComputations,
    number: int,
    rows: tuple[dict[str, Any], ...],
) -> ChainTask:
    from qe_plugins.fleet.tasks.chain_rows import option_figures, spread_figures

    first = rows[0]
    right: Literal["call", "put"] = "call" if first["sign"] > 0 else "put"
    realised = shared.realised(first["instrument"])
    if len(rows) == 1:
        figures = option_figures(first, realised)
    else:
        figures = spread_figures(first, rows[1], realised)
    symbols = tuple(one["symbol"] for one in rows)
    return ChainTask(
        id=f"chain {' less '.join(symbols)}",
        instrument=first["instrument"],
        detail=f"{right} {number}",
        ends=market.as_of,
        facts={key: round(value, 4) for key, value in figures.items()},
        right=right,
        days=first["years"] * DAYS,
        symbols=symbols,
    )


def _backtest_task(
    market: MarketSnapshot,
    shared: SharedComputations,
    cost: float,
    name: str,
    frame: str,
    count: int,
    fast: int,
    slow: int,
) -> BacktestTask:
    return BacktestTask(
        id=f"backtest {name} {frame} {fast}/{slow} over {count}",
        instrument=name,
        detail=f"{frame} cross",
        ends=int(market.bars(name, frame).ts[-1]),
        facts=shared.crosses(name, frame, count).backtest(fast, slow, cost),
        timeframe=frame,
        fast=fast,
        slow=slow,
        bars=count,
    )
