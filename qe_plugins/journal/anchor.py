"""Anchors: copies of the journal's head in another file, which reveal a chain built again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from sqlalchemy import Connection, select

from qe_plugins.errors import JournalError
from qe_plugins.journal.facts import Problem
from qe_plugins.journal.hash_chain import GENESIS
from qe_plugins.journal.schema import runs


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """The head at a moment: the number of runs, and the hash of the last one (SHA-256, hex)."""

    runs: int
    hash: str
    at: datetime


def append(file: Path, count: int, last: str) -> Anchor:
    """Append the head to `file`, one JSON object a line. Raises JournalError where it cannot."""
    anchor = Anchor(runs=count, hash=last, at=datetime.now(UTC))
    if file.exists():
        read(file)  # raises unless it is a file of anchors
    try:
        with file.open("ab") as opened:
            opened.write(msgspec.json.encode(anchor) + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise _refusal(file, error) from error
    return anchor


def read(file: Path) -> list[Anchor]:
    """Return the anchors in `file`, oldest first. Raises JournalError where it has none."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise _refusal(file, error) from error
    anchors: list[Anchor] = []
    for number, line in enumerate(lines, start=1):
        try:
            anchors.append(msgspec.json.decode(line, type=Anchor))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise JournalError(
                "is no anchor.",
                where=f"{file}:{number}",
                hint="`qe journal anchor FILE` writes them.",
            ) from error
    if not anchors:
        raise JournalError("holds no anchor.", where=str(file))
    return anchors


def broken(connection: Connection, anchors: list[Anchor]) -> Iterator[Problem]:
    """Yield a problem for each anchor that does not match the journal."""
    for anchor in anchors:
        row = connection.execute(
            select(runs.c.run_id, runs.c.hash).where(runs.c.seq == anchor.runs)
        ).first()
        found = GENESIS if anchor.runs == 0 else row.hash if row else None
        if found != anchor.hash:
            name = row.run_id if row else f"number {anchor.runs}"
            what = f"it is not what the anchor of {anchor.at:%Y-%m-%d %H:%M:%S}Z says"
            yield Problem(run_id=name, fact_id=None, what=what)


def _refusal(file: Path, error: OSError) -> JournalError:
    said = (error.strerror or str(error)).lower()
    return JournalError(f"{said}.", where=str(file), hint="Name another file.")
