"""What the journal's file says to `sqlite3` alone: SQLAlchemy takes 0.4 s to import.

Each question is answered for the default file, of the newest version. Where that is not so, or the
file cannot be read, the answer is no, and the caller opens the journal, which says why.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from qe_plugins import state_dir

NEWEST = 3
"""The version of a new journal. A journal without tables has version 0."""

WAIT = 60.0
"""Seconds that a writer waits for another (SQLite; Postgres waits as configured)."""

IN_TESTS = ("PYTEST_VERSION", "PYTEST_CURRENT_TEST")
"""Variables of pytest that its child processes inherit."""


def has_no_open_runs() -> bool:
    """Return True where the file is missing or surely lists no open run."""
    file = _file()
    if file is None:
        return False
    return not file.exists() or _answers(file, "SELECT NOT EXISTS (SELECT 1 FROM open_runs)")


def takes_writes() -> bool:
    """Return True where the file could surely be written. A missing one is not created.

    Raises QeError where the folder of a missing one cannot be written.
    """
    file = _file()
    if file is not None and not file.exists():
        state_dir.check_writable(file.absolute().parent)
        return True
    return file is not None and _answers(file, "SELECT 1", begin="IMMEDIATE")


def _file() -> Path | None:
    if any(name in os.environ for name in IN_TESTS):
        return None  # opening the journal refuses a test the user's own
    return state_dir.journal_file()


def _answers(file: Path, question: str, begin: str = "DEFERRED") -> bool:
    """Return whether the file is of the newest version and the answer to `question` is 1."""
    uri = f"{file.absolute().as_uri()}?mode=rw"
    try:
        with closing(
            sqlite3.connect(uri, timeout=WAIT, isolation_level=None, uri=True)
        ) as connection:
            connection.execute(f"BEGIN {begin}")
            versions = connection.execute("SELECT version FROM head").fetchall()
            answer = connection.execute(question).fetchone()
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        return False
    return versions == [(NEWEST,)] and answer == (1,)
