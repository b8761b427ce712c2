"""The state folder, `QE_HOME`, and the folders below it. No state is stored elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from urllib.parse import quote

from qe_plugins import project
from qe_plugins.errors import DataError, QeError
from qe_plugins.safe_text import shown


def state_dir() -> Path:
    """Return the state folder, not created: `$QE_HOME`, else that of `.env`, else the platform's
    user data folder. A relative one in `.env` is relative to the project.
    """
    if chosen := os.environ.get("QE_HOME"):
        return Path(chosen).expanduser().resolve()
    if chosen := project.dotenv().get("QE_HOME"):
        root = project.find_root(Path.cwd()) or Path.cwd()
        return (root / Path(chosen).expanduser()).resolve()
    return users_home()


def users_home() -> Path:
    """Return the platform's user data folder, regardless of `$QE_HOME`: tests never write to it."""
    import platformdirs

    return Path(platformdirs.user_data_dir("quant-engine", appauthor=False))


def runs_dir() -> Path:
    """Return the folder of run folders, unless a run was given its own with `--out`."""
    return state_dir() / "runs"


def cache_dir() -> Path:
    """Return the folder of data that can be rebuilt: generated bars, decoded catalogs."""
    return state_dir() / "cache"


def data_dir() -> Path:
    """Return the folder of downloaded and imported data."""
    return state_dir() / "data"


def journal_url() -> str:
    """Return the journal's database URL: `$QE_JOURNAL_URL`, also of `.env`, else SQLite under the
    state folder.
    """
    return _chosen_journal() or f"sqlite:///{quote(str(state_dir() / 'journal.sqlite'))}"


def journal_file() -> Path | None:
    """Return the SQLite file under the state folder; None where `$QE_JOURNAL_URL` names another."""
    return None if _chosen_journal() else state_dir() / "journal.sqlite"


def _chosen_journal() -> str | None:
    return os.environ.get("QE_JOURNAL_URL") or project.dotenv().get("QE_JOURNAL_URL")


def ledger_url() -> str | None:
    """Return the database URL of the ledger of model calls: `$QE_LEDGER_URL`, also of `.env`; None
    for SQLite under the state folder.
    """
    return os.environ.get("QE_LEDGER_URL") or project.dotenv().get("QE_LEDGER_URL")


def free_bytes() -> int | None:
    """Return the free bytes of the disk of the state folder, or of the nearest one above it."""
    folder = state_dir()
    for place in (folder, *folder.parents):
        if place.is_dir():
            return shutil.disk_usage(place).free
    return None


def check_writable(folder: Path) -> None:
    """Raise QeError where `folder` could not be created or written. The check leaves no files."""
    if len(os.fsencode(folder.name)) > LONGEST:
        raise QeError(f"its name is longer than {LONGEST} bytes.", where=str(folder.parent))
    there = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
    try:
        with tempfile.TemporaryDirectory(prefix=".qe-", dir=there):
            pass
    except OSError as error:
        raise QeError(
            f"cannot be written: {(error.strerror or str(error)).lower()}.",
            where=str(folder),
            hint="Look at QE_HOME, or name another folder.",
        ) from error


LONGEST = 200
"""Bytes of a folder's name: a disk takes 255, and temporary names are longer."""

NAME = re.compile(r"(?!\.{1,2}$)[^/\\\x00-\x1f\x7f]{1,200}")
"""A valid name of a file or folder, for names that are built from outside text."""


def inside(folder: Path, name: str) -> Path:
    """Return the path `name`, such as `ES/definition.dbn.zst`, below `folder`.

    Raises DataError where a part of it is no name of a file or folder, such as `..`. Links that a
    user made below the folder are followed.
    """
    parts = name.split("/")
    if not all(NAME.fullmatch(part) and len(os.fsencode(part)) <= LONGEST + 50 for part in parts):
        raise DataError(f"'{shown(name[:80])}' is no path below it.", where=str(folder))
    return folder / name
