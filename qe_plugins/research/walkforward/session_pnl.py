"""The P&L of all variants of a sweep by session, as one matrix."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from qe_plugins.errors import DataError
from qe_plugins.research.variants import VariantResult, VariantState

FIGURE = "session_pnl"


class SessionMatrix(msgspec.Struct, frozen=True):
    """`pnl` has a row a session and a column a variant; `numbers` are those of the variants."""

    pnl: np.ndarray
    sessions: np.ndarray
    numbers: list[int]
    currency: str


def session_matrix(results: Sequence[VariantResult]) -> SessionMatrix:
    """Return the P&L of finished variants. Raises DataError where there is none.

    A session in which a variant has no mark counts as 0.
    """
    finished = [
        one for one in results if one.state is VariantState.FINISHED and FIGURE in one.figures
    ]
    if not finished:
        errors = [one.error for one in results if one.error]
        raise DataError(
            "no variant finished with P&L by session.",
            hint=f"The first error: {errors[0]}" if errors else "Start without --resume.",
        )
    days = sorted({day for one in finished for day in one.figures[FIGURE]})
    row = {day: number for number, day in enumerate(days)}
    pnl = np.zeros((len(days), len(finished)))
    for column, one in enumerate(finished):
        for day, value in one.figures[FIGURE].items():
            pnl[row[day], column] = value
    return SessionMatrix(
        pnl=pnl,
        sessions=np.array(days, dtype="datetime64[D]"),
        numbers=[one.variant.number for one in finished],
        currency=str(finished[0].figures["currency"]),
    )
