"""A seeded random tape as a catalog holds it: minute bars with decimal prices, in UTC."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

CHICAGO = ZoneInfo("America/Chicago")
TICK = 0.25
TS = pl.Datetime("ns", "UTC")


def minutes(first: date, sessions: int) -> np.ndarray:
    """Return bar-closing times from 17:00 to 16:00 Chicago of each weekday session, UTC ns."""
    days = [d for d in (first + timedelta(n) for n in range(2 * sessions)) if d.weekday() < 5]
    opens = [
        datetime.combine(day - timedelta(1), time(17), CHICAGO).timestamp()
        for day in days[:sessions]
    ]
    grid = np.array(opens)[:, None] + 60 * np.arange(1, 23 * 60 + 1)[None, :]
    return (grid.ravel() * 1e9).astype(np.int64)


def bars(rng: np.random.Generator, stamps: np.ndarray) -> pl.DataFrame:
    """Return a random walk on the tick grid whose volatility changes by the hour."""
    walk = (
        rng.normal(0, 0.55, stamps.size)
        * np.repeat(np.exp(rng.normal(0, 0.5, stamps.size // 60 + 1)), 60)[: stamps.size]
    )
    close = _tick(4750 + np.cumsum(walk))
    opened = np.concatenate(([4750.0], close[:-1]))
    spread = np.abs(rng.normal(0, 0.6, (2, stamps.size)))
    return pl.DataFrame(
        {
            "open": opened,
            "high": _tick(np.maximum(opened, close) + spread[0]),
            "low": _tick(np.minimum(opened, close) - spread[1]),
            "close": close,
            "volume": rng.integers(1, 900, stamps.size).astype(float),
            "ts_event": pl.Series(stamps).cast(TS),
        }
    ).with_columns(ts_init=pl.col("ts_event"))


def write(catalog: Path, name: str, frame: pl.DataFrame) -> None:
    """Write one contract's bars where and as the engine's catalog keeps them."""
    folder = catalog / "data" / "bars" / f"{name}-1-MINUTE-LAST-EXTERNAL"
    folder.mkdir(parents=True)
    money = pl.col("open", "high", "low", "close", "volume").cast(pl.Decimal(38, 16))
    frame.with_columns(money).write_parquet(folder / "part.parquet")


def marks(tapes: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the last close of every hour of each contract."""
    hour = (pl.col("ts_event") - pl.duration(nanoseconds=1)).dt.truncate("1h")
    hourly = [
        frame.group_by(hour.alias("hour"), maintain_order=True)
        .agg(ts=pl.col("ts_event").last(), close=pl.col("close").last())
        .select("ts", instrument_id=pl.lit(name), close="close")
        for name, frame in tapes.items()
    ]
    return pl.concat(hourly).sort("ts", "instrument_id")


def _tick(prices: np.ndarray) -> np.ndarray:
    return np.round(prices / TICK) * TICK
