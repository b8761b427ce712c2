"""320 features of four timeframes over 3.5M minutes: `python feature_years.py THREADS` prints JSON.

`seconds` is time on the clock of computing, without writing; `writing` is the share of computing
that writing takes, measured on the minutes of a year.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from qe_plugins.bars import Bars
from qe_plugins.features.catalogue import FAMILIES, WINDOWS
from qe_plugins.features.frames import FrameBuilder
from qe_plugins.features.series import compute, computed
from qe_plugins.features.store import frame_of
from tests.features.tapes import walk

MINUTES = 3_500_000
WRITTEN = 200_000
ALL = [f"{one.name}.{w}" for one in FAMILIES for w in WINDOWS]


def frames(bars: Bars) -> list[Bars]:
    """Return the bars of four timeframes."""
    longer = [FrameBuilder(frame, "NONE", "x").extend(bars)[0] for frame in ("5m", "1h", "1d")]
    return [bars, *longer]


def write(values: np.ndarray, folder: Path, number: int) -> None:
    """Write a chunk as the store does."""
    frame = frame_of(ALL, "ES", np.arange(len(values)), values)
    frame.write_parquet(folder / f"{number}.parquet", compression="uncompressed", statistics=False)
    (folder / f"{number}.parquet").unlink()


def main(threads: int) -> None:
    bars = walk(MINUTES, noise=1.2e-5)
    compute(bars[:2_000], ALL)
    began, count = perf_counter(), 0
    for one in frames(bars):
        for values in computed(one, ALL, threads=threads):
            count += values.size
    seconds = perf_counter() - began
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    computing = writing = 0.0
    with tempfile.TemporaryDirectory() as folder:
        began = perf_counter()
        for number, values in enumerate(computed(bars[:WRITTEN], ALL, threads=threads)):
            computing += perf_counter() - began
            began = perf_counter()
            write(values, Path(folder), number)
            writing += perf_counter() - began
            began = perf_counter()
    figures = {
        "values": count,
        "seconds": seconds,
        "megabytes": most,
        "writing": writing / computing,
    }
    print(json.dumps(figures))


main(int(sys.argv[1]))
