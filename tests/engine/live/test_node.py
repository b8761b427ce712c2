"""A session on a live node with the sandbox fills what the backtest fills."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from qe_plugins.engine.live import faked_clock
from tests.command import qe

pytestmark = pytest.mark.skipif(
    faked_clock.library() is None, reason="Debian's faketime is not installed"
)

QUICKSTART = "configs/backtest/quickstart.yaml"
FEW = ("--set", "data.synthetic.sessions=2", "--set", "data.synthetic.contracts=1")
UNSLIPPED = ("--set", "slippage.model=none")
TICK = 0.25
WHAT = ("ts", "instrument_id", "side", "quantity", "price", "commission")


def fills(*arguments: object) -> list[tuple[object, ...]]:
    """Return the fills of a run, times to the microsecond."""
    done = qe(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    folder = Path(json.loads(done.stdout)["run_dir"])
    frame = pl.read_parquet(folder / "fills.parquet").select(WHAT)
    return frame.with_columns(pl.col("ts").dt.truncate("1us")).rows()


def both(*arguments: object) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Return the fills of a backtest and those of a session on a node."""
    replayed = ("--replay", "config", "--speed", "max", "--engine", "node")
    return fills("backtest", *arguments), fills("paper", *arguments, *replayed)


def test_the_quickstart_fills_the_same() -> None:
    backtest, session = both(QUICKSTART, *FEW, *UNSLIPPED)
    assert session
    assert session == backtest


@pytest.mark.long
def test_a_session_with_slippage_runs_on_a_node_only_by_name() -> None:
    day = ("--set", "data.synthetic.sessions=1", "--set", "data.synthetic.contracts=1")
    done = qe("paper", QUICKSTART, *day, "--replay", "config", "--speed", "max")
    assert done.returncode == 0, done.stderr
    assert "No live node: the sandbox slips otherwise than `slippage: ticks`." in done.stderr


@pytest.mark.long
def test_the_quickstart_fills_within_the_tick_of_its_slippage() -> None:
    backtest, session = both(QUICKSTART, *FEW)
    assert [(*one[:4], one[5]) for one in session] == [(*one[:4], one[5]) for one in backtest]
    pairs = zip(session, backtest, strict=True)
    assert all(abs(one[4] - other[4]) <= TICK for one, other in pairs)  # type: ignore[operator]


@pytest.mark.long
@pytest.mark.parametrize("days", [5, 60])
def test_the_whole_quickstart_fills_the_same(days: int) -> None:
    backtest, session = both(QUICKSTART, *UNSLIPPED, "--set", f"data.synthetic.sessions={days}")
    assert session == backtest


@pytest.mark.long
def test_real_prices_fill_the_same(shared_data: Path) -> None:
    data = ("--set", f"data.dbn={shared_data / 'es_2013'}")
    backtest, session = both("configs/backtest/es_2013.yaml", *data)
    assert session == backtest
