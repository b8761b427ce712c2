"""Compile functions with Numba once for a version of their source; the code is kept under QE_HOME.

Numba checks only the file of a function itself for changes, not those of the functions it calls, so
the cache's folder is named by a hash of every module that holds compiled functions.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba import config

from qe_plugins.state_dir import cache_dir

SOURCES = ("prefix.py", "loop.py", "motion.py", "energy.py", "memory.py", "disorder.py",
           "friction.py")  # fmt: skip


@cache
def kernel_hash() -> str:
    """Return the first 16 hex digits of the SHA-256 of the sources of compiled functions."""
    here = Path(__file__).parent
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in SOURCES)).hexdigest()[:16]


@cache
def code_dir() -> Path:
    """Return the folder of compiled code: `$NUMBA_CACHE_DIR`, else one of the cache of QE_HOME."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return (Path(chosen) if chosen else cache_dir() / "numba") / kernel_hash()


def compiled(function: Callable[..., Any]) -> Any:
    """Return a function compiled by Numba when it is first called, or loaded from the cache.

    Floating point is not reordered, so that the same numbers give the same bits in every caller.
    """
    settings: Any = config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(code_dir())
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    finally:
        settings.CACHE_DIR = before
