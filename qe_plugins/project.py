"""The project folder: `strategies/` and `agents/` are packages of the project, never installed."""

from __future__ import annotations

import importlib.util
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from dotenv import dotenv_values

from qe_plugins.errors import ConfigError, PluginError

PACKAGES = ("strategies", "agents")
CHECKOUT = Path(__file__).resolve().parent.parent
"""The folder that this package lies in: of an editable install it is on `sys.path`."""

MARK = "pyproject.toml"
ENV = ".env"
LARGEST = 1_000_000
"""Bytes that `.env` may have."""


def find_root(start: Path) -> Path | None:
    """Return the project's own root: `start` where it holds `strategies/` or `agents/`, else the
    nearest folder above that is marked by a `pyproject.toml`, where that one holds them.

    A folder above that another user owns, or may write to, does not count: it is not the user's.
    """
    if _has_packages(start):
        return start
    for folder in start.parents if not (start / MARK).is_file() else ():
        if (folder / MARK).is_file():
            return folder if _has_packages(folder) and _is_own(folder) else None
    return None


def enter(start: Path) -> Path | None:
    """Put the project root last on `sys.path`, where it hides no library, and return it.

    None where there is no project. Raises PluginError when `strategies` or `agents` would be
    imported from somewhere else, as with PyPI's `openai-agents`, which installs a top-level
    `agents`.
    """
    root = find_root(start.resolve())
    if root is None:
        return None
    if str(root) not in sys.path:
        sys.path.append(str(root))
    for package in PACKAGES:
        if (root / package).is_dir():
            _refuse_impostor(package, root)
    return root


def dotenv() -> Mapping[str, str]:
    """Return what `.env` of the project around the working folder says, else that of the folder.

    The file is made readable to its owner alone: it holds keys. Raises ConfigError where it cannot
    be read.
    """
    file = (find_root(Path.cwd()) or Path.cwd()) / ENV
    try:
        found = file.stat()
    except OSError:
        return {}
    if not stat.S_ISREG(found.st_mode):
        return {}
    if found.st_size > LARGEST:
        raise ConfigError(f"is larger than {LARGEST:,} bytes.", where=str(file))
    if found.st_mode & 0o077:
        with suppress(OSError):  # another user's
            file.chmod(0o600)
    return _read(file, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=8)
def _read(file: Path, changed: int, size: int) -> Mapping[str, str]:
    """Return what a file says; `changed` and `size` tell its versions apart."""
    try:
        return {name: value for name, value in dotenv_values(file).items() if value is not None}
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"cannot be read: {error}.", where=str(file)) from error


class _Own(MetaPathFinder):
    """Finds `strategies` and `agents` of one project, and nothing else."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a package of the project is."""
        if fullname not in PACKAGES:
            return None
        return PathFinder.find_spec(fullname, [self._root])


def _has_packages(folder: Path) -> bool:
    return any((folder / package / "__init__.py").is_file() for package in PACKAGES)


def _is_own(folder: Path) -> bool:
    if not hasattr(os, "getuid"):
        return True
    found = folder.stat()
    return found.st_uid == os.getuid() and not found.st_mode & stat.S_IWOTH


def _refuse_impostor(package: str, root: Path) -> None:
    spec = importlib.util.find_spec(package)
    found = Path(spec.origin).parent if spec and spec.origin else None
    if found is not None and found.resolve() == CHECKOUT / package != (root / package).resolve():
        sys.meta_path.insert(0, _Own(root))  # ours come with an editable install: theirs go first
    elif found is not None and found.resolve() != (root / package).resolve():
        raise PluginError(
            f"'{package}' is imported from {found}, which is in the way of {root / package}.",
            hint=f"Uninstall the package that brings a top-level '{package}'.",
        )
