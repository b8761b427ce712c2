"""The walk-forward of a configuration: its windows before variants run, and its judgement after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from qe_plugins.config.loader import load
from qe_plugins.data.tape import open_tape
from qe_plugins.research.sweep_runner import SweepResult
from qe_plugins.research.walkforward.selection import Objective, Walk, sentence, walk
from qe_plugins.research.walkforward.session_pnl import session_matrix
from qe_plugins.research.walkforward.windows import months, windows


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A walk-forward over a sweep, its verdict in a sentence, and what was chosen in each window.

    `numbers` are those of the chosen variants, `chosen` their settings.
    """

    walk: Walk
    verdict: str
    currency: str
    numbers: list[int]
    chosen: list[dict[str, Any]]


def check_windows(file: Path, overrides: tuple[str, ...], train: str, test: str) -> None:
    """Raise QeError where the data of FILE is too short for a window of such spans."""
    spans = months(train), months(test)
    loaded = load(file, overrides)
    tape = open_tape(loaded.config.data, lambda key: loaded.where("data", key))
    first, last = np.array([tape.start, tape.end]).astype("datetime64[ns]").astype("datetime64[D]")
    windows(np.arange(first, last + np.timedelta64(1, "D")), *spans)


def judge(swept: SweepResult, train: str, test: str, objective: Objective) -> Judgement:
    """Return what choosing among the variants of a sweep earned. Raises DataError."""
    matrix = session_matrix(swept.results)
    spans = months(train), months(test)
    found = walk(matrix.pnl, matrix.sessions, windows(matrix.sessions, *spans), objective)
    settings = {one.variant.number: one.variant.settings for one in swept.results}
    numbers = [matrix.numbers[one.variant - 1] for one in found.windows]
    return Judgement(
        walk=found,
        verdict=sentence(found, matrix.currency),
        currency=matrix.currency,
        numbers=numbers,
        chosen=[settings[number] for number in numbers],
    )
