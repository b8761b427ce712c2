"""The project folder: `strategies/` and `agents/` are packages of the project, never installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from qe_plugins.errors import PluginError

PACKAGES = ("strategies", "agents")


def find_root(start: Path) -> Path | None:
    """Return the nearest folder at or above `start` that holds `strategies/` or `agents/`."""
    for folder in (start, *start.parents):
        if any((folder / package / "__init__.py").is_file() for package in PACKAGES):
            return folder
    return None


def enter(start: Path) -> Path | None:
    """Put the project root first on `sys.path` and return it. None where there is no project.

    Raises PluginError when `strategies` or `agents` would be imported from somewhere else, as with
    PyPI's `openai-agents`, which installs a top-level `agents`.
    """
    root = find_root(start.resolve())
    if root is None:
        return None
    if sys.path[:1] != [str(root)]:
        sys.path.insert(0, str(root))
    for package in PACKAGES:
        if (root / package).is_dir():
            _refuse_impostor(package, root)
    return root


def _refuse_impostor(package: str, root: Path) -> None:
    spec = importlib.util.find_spec(package)
    found = Path(spec.origin).parent if spec and spec.origin else None
    if found is not None and found.resolve() != (root / package).resolve():
        raise PluginError(
            f"'{package}' is imported from {found}, which is in the way of {root / package}.",
            hint=f"Uninstall the package that brings a top-level '{package}'.",
        )
