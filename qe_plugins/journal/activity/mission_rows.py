"""`mission_control`: the last row of each item, and rows appended by a decision over them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, insert, select

from qe_plugins.journal.activity.records import MissionRow, MissionState
from qe_plugins.journal.schema import mission_control
from qe_plugins.safe_text import redacted, writable

LONGEST = 300
"""Characters of a title and of a reason; the rest is cut."""


def latest(connection: Connection) -> list[MissionRow]:
    """Return the last row of each item that is not gone, in the order of their writing."""
    table = mission_control
    last = select(func.max(table.c.seq)).group_by(table.c.item)
    query = (
        select(table)
        .where(table.c.seq.in_(last), table.c.state != MissionState.GONE.value)
        .order_by(table.c.seq)
    )
    return [_row(row) for row in connection.execute(query)]


def history(connection: Connection, limit: int) -> list[MissionRow]:
    """Return the last `limit` rows, newest first."""
    query = select(mission_control).order_by(mission_control.c.seq.desc()).limit(limit)
    return [_row(row) for row in connection.execute(query)]


def append(connection: Connection, rows: Iterable[MissionRow]) -> list[MissionRow]:
    """Append rows, and return them with their numbers."""
    last = connection.execute(
        select(func.coalesce(func.max(mission_control.c.seq), 0))
    ).scalar_one()
    written = [
        msgspec.structs.replace(row, seq=seq, title=_text(row.title), why=_text(row.why))
        for seq, row in enumerate(rows, start=last + 1)
    ]
    if written:
        values = [msgspec.structs.asdict(row) | {"state": str(row.state)} for row in written]
        connection.execute(insert(mission_control), values)
    return written


def _row(row: Row[Any]) -> MissionRow:
    return msgspec.convert(row, MissionRow, from_attributes=True)


def _text(text: str) -> str:
    return redacted(writable(" ".join(text.split())))[:LONGEST]
