"""The compiled functions of options; see `compiled_code.py`."""

from __future__ import annotations

from pathlib import Path

from qe_plugins.compiled_code import CompiledSources

SOURCES = ("black76.py", "american.py", "revaluation.py", "svi.py")

KERNEL = CompiledSources(Path(__file__).parent, SOURCES)
compiled = KERNEL.compiled
