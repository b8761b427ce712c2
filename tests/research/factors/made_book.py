"""Books of one factor, made by hand."""

from pathlib import Path
from typing import Any

from qe_plugins.features.store import catalogue_hash, formulas_hash
from qe_plugins.research.factors import book
from qe_plugins.research.factors.provenance import code_hash

NAME = "1m.drift.60"


def one_factor(**changes: Any) -> book.FactorBook:
    """Return a book that follows the drift of an hour, on ES."""
    factor = book.BookFactor(
        name=NAME, sign=1, weight=1.0, centre=0.0, scale=1.0, mean=0.0, scalar=12.0
    )
    fields: dict[str, Any] = {
        "name": "made",
        "test": "test-1",
        "config": "no_such_test.yaml",
        "overrides": [],
        "roots": ["ES"],
        "every": 900.0,
        "session": "rth",
        "horizon": 3_600.0,
        "split": "explore odd, confirm even",
        "lockbox": [],
        "catalogue": catalogue_hash(),
        "formulas": formulas_hash(),
        "division": "0" * 16,
        "data": "0" * 16,
        "first": 0,
        "last": 1,
        "code": code_hash(),
        "average": 10.0,
        "cap": 20.0,
        "multiplier": 1.0,
        "factors": [factor],
    }
    return book.FactorBook(**fields | changes)


def written(folder: Path, **changes: Any) -> Path:
    """Return the file of such a book in a folder."""
    file = folder / "book.yaml"
    book.write(one_factor(**changes), file)
    return file
