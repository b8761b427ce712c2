"""The walk-forward of a configuration: its windows before variants run, and its judgement after."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from qe_plugins.config.loader import load
from qe_plugins.data.tape import open_tape
from qe_plugins.research.sweep_runner import SweepResult
from qe_plugins.research.walkforward.selection import Objective, Walk, sentence, walk
from qe_plugins.research.walkforward.session_pnl import session_matrix
from qe_plugins.research.walkforward.windows import months, windows


class JudgedWalk(msgspec.Struct, frozen=True, kw_only=True):
    """A walk-forward over the variants of a sweep, and its verdict in a sentence.

    `numbers` are those of the variants chosen in each window, `chosen` their settings.
    """

    sweep_id: str
    walk: Walk
    verdict: str
    currency: str
    numbers: list[int]
    chosen: list[dict[str, Any]]

    @property
    def windows(self) -> pl.DataFrame:
        """Return a row for each window, in time.

        `train_from`, `test_from`, `test_to` (dates), a column for each axis with the setting that
        was chosen, `objective` in training, `train_pnl` and `test_pnl` in currency, `rank` of the
        choice in its test months, 1 the best.
        """
        dates = ("train_from", "test_from", "test_to")
        figures = ("objective", "train_pnl", "test_pnl", "rank")
        return pl.DataFrame(
            [
                {name: date.fromisoformat(getattr(one, name)) for name in dates}
                | settings
                | {name: getattr(one, name) for name in figures}
                for one, settings in zip(self.walk.windows, self.chosen, strict=True)
            ]
        )


def check_windows(file: Path, overrides: tuple[str, ...], train: str, test: str) -> None:
    """Raise QeError where the data of FILE is too short for a window of such spans."""
    spans = months(train), months(test)
    loaded = load(file, overrides)
    tape = open_tape(loaded.config.data, lambda key: loaded.where("data", key))
    first, last = np.array([tape.start, tape.end]).astype("datetime64[ns]").astype("datetime64[D]")
    windows(np.arange(first, last + np.timedelta64(1, "D")), *spans)


def judge(swept: SweepResult, train: str, test: str, objective: Objective) -> JudgedWalk:
    """Return what choosing among the variants of a sweep earned. Raises DataError."""
    matrix = session_matrix(swept.results)
    spans = months(train), months(test)
    found = walk(matrix.pnl, matrix.sessions, windows(matrix.sessions, *spans), objective)
    settings = {one.variant.number: one.variant.settings for one in swept.results}
    numbers = [matrix.numbers[one.variant - 1] for one in found.windows]
    return JudgedWalk(
        sweep_id=swept.spec.sweep,
        walk=found,
        verdict=sentence(found, matrix.currency),
        currency=matrix.currency,
        numbers=numbers,
        chosen=[settings[number] for number in numbers],
    )
