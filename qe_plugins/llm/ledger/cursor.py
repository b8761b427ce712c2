"""What statements of the ledger may ask of a database's cursor, in both dialects.

Values are marked with question marks, as in SQLite.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Protocol


class Cursor(Protocol):
    """A cursor in a transaction."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Cursor:
        """Run a statement; the rows are read from the cursor that is returned."""

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> Cursor:
        """Run a statement for each row of values."""

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""

    def fetchall(self) -> list[Any]:
        """Return all other rows."""

    def __iter__(self) -> Iterator[Any]:
        """Yield all other rows."""


class ServerCursor:
    """A cursor of Postgres' driver, which marks values in another way."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def execute(self, statement: str, values: Sequence[Any] = ()) -> ServerCursor:
        """Run a statement; the rows are read from this cursor."""
        self._cursor.execute(_in_its_form(statement), values)
        return self

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> ServerCursor:
        """Run a statement for each row of values, in one round trip."""
        self._cursor.executemany(_in_its_form(statement), rows)
        return self

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        """Return all other rows."""
        rows: list[Any] = self._cursor.fetchall()
        return rows

    def __iter__(self) -> Iterator[Any]:
        """Yield all other rows."""
        return iter(self._cursor)


@lru_cache(maxsize=512)
def _in_its_form(statement: str) -> str:
    return statement.replace("%", "%%").replace("?", "%s")
