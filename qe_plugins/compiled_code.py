"""Compile functions with Numba once for a version of their source; the code is kept under QE_HOME.

Numba checks only the file of a function itself for changes, not those of the functions it calls, so
the cache's folder is named by a hash of every module of a package that holds compiled functions.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from qe_plugins.state_dir import cache_dir


class CompiledSources:
    """The compiled functions of the modules `names` of a folder. Numba is imported at first use."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder, self._names = folder, names

    @cached_property
    def hash(self) -> str:
        """Return the first 16 hex digits of the SHA-256 of the sources."""
        text = b"".join((self._folder / name).read_bytes() for name in self._names)
        return hashlib.sha256(text).hexdigest()[:16]

    @cached_property
    def code_dir(self) -> Path:
        """Return the folder of compiled code: `$NUMBA_CACHE_DIR`, else one of QE_HOME's cache."""
        chosen = os.environ.get("NUMBA_CACHE_DIR")
        return (Path(chosen) if chosen else cache_dir() / "numba") / self.hash

    def compiled(self, function: Callable[..., Any]) -> Any:
        """Return a function compiled when it is first called, or loaded from the cache.

        Floating point is not reordered, so that the same numbers give the same bits in every
        caller.
        """
        import numba
        from numba import config

        settings: Any = config
        before = settings.CACHE_DIR
        settings.CACHE_DIR = str(self.code_dir)
        try:
            return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
        finally:
            settings.CACHE_DIR = before
