"""A micro-backtest, and what child processes of tests compute in its place; it imports little."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import numpy as np

from qe_plugins.child_processes import limit_memory
from qe_plugins.fleet.backtests.micro_backtest import BacktestFigures, BacktestRule, MicroBacktest
from qe_plugins.fleet.tasks.snapshot import MINUTE, SnapshotBars

MEMORY = 1 << 30
RULE = {"side": "long", "feature": "place", "stop": 3.0, "horizon": 30, "cost": 0.1}


def asked(above: float) -> MicroBacktest:
    """Return a micro-backtest over six hundred minutes of a random walk."""
    rng = np.random.default_rng(1)
    close = 100 + np.cumsum(rng.normal(0, 0.1, 600))
    ts, volume = np.arange(600) * MINUTE, np.ones(600)
    bars = SnapshotBars(ts, close, close + 0.05, close - 0.05, close, volume)
    return MicroBacktest(rule=BacktestRule(**RULE, above=above), bars=bars)


def counted(job: MicroBacktest) -> BacktestFigures:
    """Note that it ran, in a file of the folder in which the test works."""
    with Path("ran.txt").open("a", encoding="utf-8") as file:
        file.write(f"{job.id}\n")
    level = job.rule.above
    return BacktestFigures(bars=9, trades=1, mean_r=level, t=0, first_half_r=0, second_half_r=0)


def second(job: MicroBacktest) -> BacktestFigures | str:
    """Fail the first time that a job is computed."""
    ran_before = Path("ran.txt").exists()
    found = counted(job)
    return found if ran_before else "not yet"


def stuck(job: MicroBacktest) -> BacktestFigures:
    """Hold the lock of a file of its process, and never end where the rule's level is below 0."""
    with Path(f"{os.getpid()}.lock").open("w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        while job.rule.above < 0:
            time.sleep(60)
    return counted(job)


def greedy(job: MicroBacktest) -> BacktestFigures | str:
    """Ask for twice the memory that there is."""
    limit_memory(MEMORY)
    try:
        bytearray(2 * MEMORY)
    except MemoryError:
        return "too much"
    return counted(job)
