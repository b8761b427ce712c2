"""The project folder: `strategies/` and `agents/` are packages of the project, never installed."""

from __future__ import annotations

import importlib.util
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from qe_plugins.errors import ConfigError, PluginError

PACKAGES = ("strategies", "agents")
CHECKOUT = Path(__file__).resolve().parent.parent
"""The folder that contains this package: `sys.path` has it in an editable install."""

PACKAGE = CHECKOUT / "qe_plugins"
"""This package: a wheel has `configs/` of the checkout in it."""

MARK = "pyproject.toml"
ENV = ".env"
LARGEST = 1_000_000
"""Maximum size of `.env` in bytes."""


def find_root(start: Path) -> Path | None:
    """Return the project's root: `start` if it has `strategies/` or `agents/`, else the nearest
    folder above with a `pyproject.toml`, if that one has them.

    A folder above that another user owns or may write to is not trusted, and is not a root.
    """
    if _has_packages(start):
        return start
    for folder in start.parents if not (start / MARK).is_file() else ():
        if (folder / MARK).is_file():
            return folder if _has_packages(folder) and _is_own(folder) else None
    return None


def enter(start: Path) -> Path | None:
    """Put the project root last on `sys.path`, where it shadows no library, and return it.

    Returns None without a project. Raises PluginError where `strategies` or `agents` would be
    imported from elsewhere, as with PyPI's `openai-agents`, which installs a top-level `agents`.
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
    """Return the variables in `.env` of the project, or of the working folder without a project.

    The file is made readable to its owner alone, because it contains keys. Raises ConfigError where
    it cannot be read.
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
    return _read_env(file, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=8)
def _read_env(file: Path, changed: int, size: int) -> Mapping[str, str]:
    """Return the variables of a file; `changed` and `size` identify its version in the cache."""
    from dotenv import dotenv_values

    try:
        return {name: value for name, value in dotenv_values(file).items() if value is not None}
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"cannot be read: {error}.", where=str(file)) from error


def find_file(file: Path, folder: str) -> Path:
    """Return a file of the project that `folder` is in, else of a checkout, else of the package.

    Raises ConfigError where there is none.
    """
    root = find_root(Path(folder))
    for place in [*([root] if root else []), *map(Path, filter(None, sys.path)), PACKAGE]:
        if (place / file).is_file():
            return (place / file).absolute()
    raise ConfigError(
        "not found.", where=str(file), hint="Run qe inside the project, which holds this file."
    )


class _ProjectFinder:
    """Finds `strategies` and `agents` of one project, and no other module."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the specification of a package of the project, None for other modules."""
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
        sys.meta_path.insert(0, _ProjectFinder(root))  # before those of an editable install
    elif found is not None and found.resolve() != (root / package).resolve():
        raise PluginError(
            f"'{package}' is imported from {found}, which is in the way of {root / package}.",
            hint=f"Uninstall the package that installs a top-level '{package}'.",
        )
