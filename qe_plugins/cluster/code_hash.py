"""The identity of the code that computes results: two processes with the same one agree."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

from qe_plugins import project

PACKAGE = Path(__file__).resolve().parent.parent
MARKETS = Path("configs") / "markets.yaml"
SUFFIXES = {".py", ".json"}
"""Of files that compute a result: code, and tables such as the exchange calendars."""

LIBRARIES = (
    *("msgspec", "nautilus_trader", "numba", "numpy", "pandas-market-calendars", "polars"),
    "pyarrow",
)
"""Libraries whose version may change a result."""


@cache
def code_hash() -> str:
    """Return 12 hex digits of the hash of package, project, market terms and libraries.

    That of the code when it is first called, in the working folder.
    """
    digest = hashlib.sha256(platform.python_version().encode())
    for name in LIBRARIES:
        digest.update(f"{name} {version(name)}\n".encode())
    for name, file in _files(project.find_root(Path.cwd()) or Path.cwd()):
        digest.update(f"{name}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    for folder in (PACKAGE, *(root / name for name in project.PACKAGES)):
        for file in sorted(one for one in folder.rglob("*") if one.suffix in SUFFIXES):
            yield f"{folder.name}/{file.relative_to(folder).as_posix()}", file
    yield MARKETS.as_posix(), project.find_file(MARKETS, str(root))
