"""Parse the vendor's responses; any deviation from the documentation is an error."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from qe_plugins.data.databento.retry import UnreadableError
from qe_plugins.data.symbology.resolver import Interval

MOST = 2**62
STATES = frozenset({"received", "queued", "processing", "done", "expired"})


def read[T](reader: Callable[[Any], T], answer: Any) -> T:
    """Return `reader(answer)`. Raises UnreadableError where the response has another form."""
    try:
        return reader(answer)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
        shown = str(answer)[:60].replace("\n", " ")
        raise UnreadableError(f"'{shown}' is not what was asked for") from error


def count(answer: Any) -> int:
    """Return a number of records or bytes."""
    if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer < MOST:
        raise ValueError(answer)
    return answer


def dollars(answer: Any) -> Decimal:
    """Return a price in US dollars."""
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise ValueError(answer)
    if not math.isfinite(answer) or not 0 <= answer < MOST:
        raise ValueError(answer)
    return Decimal(str(answer))


def conditions(answer: Any) -> dict[date, str]:
    """Return the condition of each day that is not `available`."""
    days = {date.fromisoformat(_string(one["date"])): _string(one["condition"]) for one in answer}
    return {day: condition for day, condition in days.items() if condition != "available"}


def intervals(answer: Any) -> dict[str, list[Interval]]:
    """Return the intervals of each symbol; symbols without any are left out."""
    return {
        _string(name): [
            Interval(
                date.fromisoformat(one["d0"]), date.fromisoformat(one["d1"]), _string(one["s"])
            )
            for one in days
        ]
        for name, days in answer["result"].items()
        if days
    }


def job_id(answer: Any) -> str:
    """Return the id of a job; it becomes a folder's name, so only plain characters pass."""
    found = _string(answer["id"])
    if not found or not all(letter.isalnum() or letter in "-_" for letter in found):
        raise ValueError(found)
    return found


def jobs(answer: Any) -> list[dict[str, Any]]:
    """Return jobs with the fields that identify a request."""
    wanted = ("id", "dataset", "schema", "symbols", "stype_in", "start", "end")
    return [{name: one[name] for name in wanted} for one in answer]


def state(answer: Any) -> str:
    """Return the state of a job."""
    found = _string(answer["state"])
    if found not in STATES:
        raise ValueError(found)
    return found


def files(answer: Any) -> list[dict[str, Any]]:
    """Return the files of a job: `filename`, `size`, `hash` and the `url` to fetch it from."""
    return [
        {
            "filename": _file_name(one["filename"]),
            "size": count(one["size"]),
            "hash": _string(one["hash"]),
            "url": _string(one["urls"]["https"]),
        }
        for one in answer
    ]


def _file_name(found: Any) -> str:
    if "/" in _string(found) or found.startswith(".") or not found.isprintable():
        raise ValueError(found)
    return str(found)


def _string(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError(found)
    return found
