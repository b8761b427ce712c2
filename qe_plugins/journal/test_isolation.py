"""Keep tests, and processes that they start, out of the user's journal."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from qe_plugins import state_dir
from qe_plugins.errors import JournalError
from qe_plugins.journal.file_state import IN_TESTS


def keep_tests_out(url: URL) -> None:
    """Raise JournalError where pytest runs and `url` is the user's own journal.

    That is any journal in `state_dir.users_home()`, and the one that `QE_HOME` and `QE_JOURNAL_URL`
    named before the tests began, which `qe_plugins.testing` stores in `$QE_USERS_JOURNAL`. So it is
    with the ledger of model calls.
    """
    if any(name in os.environ for name in IN_TESTS) and _is_the_users(url):
        raise JournalError(
            "a test must not open the user's journal.",
            where=f"journal {url.render_as_string(hide_password=True)}",
            hint="Set QE_HOME to a folder of the test.",
        )


def _is_the_users(url: URL) -> bool:
    every = _users_urls()
    if url.get_backend_name() != "sqlite" or not url.database:
        return url in every
    file = _file(url)
    if file.is_relative_to(state_dir.users_home().resolve()):
        return True
    return any(one.database is not None and file == _file(one) for one in every)


def _users_urls() -> list[URL]:
    found = []
    for name in ("QE_USERS_JOURNAL", "QE_USERS_LEDGER"):
        with suppress(ArgumentError):  # none was named, or one that cannot be opened
            found.append(make_url(os.environ.get(name, "")))
    return found


def _file(url: URL) -> Path:
    return Path((url.database or "").removeprefix("file:")).resolve()
