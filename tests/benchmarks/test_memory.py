"""A tape is streamed: ten years of minutes take little more memory than five."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from nautilus_trader.model import Bar, FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

WEIGHED = Path(__file__).with_name("weighed.py")
BARS = 3_500_000
EACH = 100_000
MINUTE = 60_000_000_000
TICK = Decimal("0.25")
MOST = 1.2 * 1024
AVERAGES = {"fast": 1_000, "slow": 3_000}  # few orders: it is the tape that is weighed

pytestmark = pytest.mark.benchmark


@pytest.fixture
def long_tape(
    tmp_path: Path, qe_contract: FuturesContract, qe_bar: Callable[..., Bar]
) -> Callable[[int], Path]:
    """Return a function that writes a random walk of so many minutes into a catalog.

    Column by column, in the schema that the catalog itself wrote for one bar.
    """

    def write(bars: int) -> Path:
        folder = tmp_path / f"tape-{bars}"
        folder.mkdir()
        catalog = ParquetDataCatalog(str(folder))
        catalog.write_instruments([listed_forever(qe_contract)])
        sample = Path(catalog.write_bars([qe_bar()]))
        sample = sample if sample.is_absolute() else folder / sample
        schema = pq.read_schema(sample)
        sample.unlink()
        for rows in walk(bars, qe_contract.expiration_ns):
            table = pa.table(rows).cast(schema)
            first, last = (name(rows["ts_init"][at].as_py()) for at in (0, -1))
            pq.write_table(table, sample.parent / f"{first}_{last}.parquet")
        return folder

    return write


def name(stamp: Any) -> str:
    """Return a time as the catalog writes it in the name of a file."""
    return f"{stamp:%Y-%m-%dT%H-%M-%S}-000000000Z"


def listed_forever(contract: FuturesContract) -> FuturesContract:
    """Return the contract, listed since before any tape began."""
    names = inspect.signature(FuturesContract).parameters
    terms = {name: getattr(contract, name) for name in names if hasattr(contract, name)}
    return FuturesContract(**terms | {"instrument_id": contract.id, "activation_ns": 1})


def walk(bars: int, until: int) -> Any:
    """Yield the columns of each file, minute by minute until the contract expires."""
    steps = np.random.default_rng(7).integers(-4, 5, bars)
    closes = 20_000 + np.clip(np.cumsum(steps), -15_000, 15_000)
    opens = np.concatenate([closes[:1], closes[:-1]])
    times = until - MINUTE * np.arange(bars, 0, -1, dtype=np.int64)
    for first in range(0, bars, EACH):
        part = slice(first, first + EACH)
        opened, closed = opens[part], closes[part]
        stamp = pa.array(times[part], pa.timestamp("ns", "UTC"))
        yield {
            "open": points(opened),
            "high": points(np.maximum(opened, closed)),
            "low": points(np.minimum(opened, closed)),
            "close": points(closed),
            "volume": points(np.full(opened.size, 4_000)),
            "ts_event": stamp,
            "ts_init": stamp,
        }


def points(ticks: Any) -> Any:
    """Return ticks as points, exactly."""
    return pc.multiply(pa.array(ticks).cast(pa.decimal128(19, 0)), pa.scalar(TICK))


@pytest.fixture
def weigh(
    long_tape: Callable[[int], Path],
    configured: Callable[..., Path],
    measured: Callable[..., dict[str, Any]],
) -> Callable[[int], float]:
    """Return a function that backtests so many minutes and returns the peak in megabytes."""

    def run(bars: int) -> float:
        strategies = {"ema_cross": {"instrument_id": "MESH24.XCME", **AVERAGES}}
        never_shut = {"when_closed": "queue"}  # the tape knows no maintenance break
        file = configured(long_tape(bars), (5, 14), strategies=strategies, session=never_shut)
        weighed = measured(WEIGHED, "backtest", file, "--json")
        megabytes, figures = weighed["megabytes"], weighed["figures"]
        assert (figures["bars"], figures["denied"]) == (bars, 0)
        print(f"\n{megabytes:,.0f} MB for {bars:,} bars and {figures['orders']:,} orders")
        return float(megabytes)

    return run


def test_ten_years_of_minutes_take_little_more_memory_than_five(
    weigh: Callable[[int], float],
) -> None:
    half, whole = weigh(BARS // 2), weigh(BARS)
    assert whole < MOST
    assert whole < 1.35 * half  # plain Nautilus itself keeps about 100 bytes a bar
