"""The kernel's compiled functions and the hash of their sources; see `compiled_code.py`."""

from __future__ import annotations

from pathlib import Path

from qe_plugins.compiled_code import CompiledSources

SOURCES = ("prefix.py", "loop.py", "motion.py", "energy.py", "memory.py", "disorder.py",
           "friction.py")  # fmt: skip

KERNEL = CompiledSources(Path(__file__).parent, SOURCES)
compiled = KERNEL.compiled


def kernel_hash() -> str:
    """Return the first 16 hex digits of the SHA-256 of the sources of compiled functions."""
    return KERNEL.hash
