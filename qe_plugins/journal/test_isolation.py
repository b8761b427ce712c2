"""Keep tests, and processes that they start, out of the user's journal."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from qe_plugins import state_dir
from qe_plugins.errors import JournalError

IN_TESTS = ("PYTEST_VERSION", "PYTEST_CURRENT_TEST")
"""Variables of pytest that its child processes inherit."""


def keep_tests_out(url: URL) -> None:
    """Raise JournalError where pytest runs and `url` is the user's own journal.

    That is any journal in `state_dir.users_home()`, and the one that `QE_HOME` and `QE_JOURNAL_URL`
    named before the tests began, which `qe_plugins.testing` stores in `$QE_USERS_JOURNAL`.
    """
    if any(name in os.environ for name in IN_TESTS) and _is_the_users(url):
        raise JournalError(
            "a test must not open the user's journal.",
            where=f"journal {url.render_as_string(hide_password=True)}",
            hint="Set QE_HOME to a folder of the test.",
        )


def _is_the_users(url: URL) -> bool:
    users = _users_url()
    if url.get_backend_name() != "sqlite" or not url.database:
        return url == users
    file = _file(url)
    if file.is_relative_to(state_dir.users_home().resolve()):
        return True
    return users is not None and users.database is not None and file == _file(users)


def _users_url() -> URL | None:
    try:
        return make_url(os.environ.get("QE_USERS_JOURNAL", ""))
    except ArgumentError:  # none was named, or one that cannot be opened
        return None


def _file(url: URL) -> Path:
    return Path((url.database or "").removeprefix("file:")).resolve()
