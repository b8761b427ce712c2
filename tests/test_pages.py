"""Memory comes in small pages during long work, and as before after it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

import pytest

from qe_plugins import pages

linux = pytest.mark.skipif(sys.platform != "linux", reason="a setting of Linux")

AT_IMPORT = """
import os, sys

class Notes:
    def find_spec(name, path, target=None):
        if name == "nautilus_trader":
            print(os.environ.get("MIMALLOC_PURGE_DELAY"))

sys.meta_path.insert(0, Notes)
import qe_plugins.engine.backtest
"""
"""Says how long free memory is kept at the moment at which the engine is imported."""


def told() -> int:
    """Return whether the system was told to hand out small pages."""
    return pages._ask(pages.GET)


@pytest.mark.parametrize(("mine", "kept"), [({}, pages.LONG), ({pages.DELAY: "10"}, "10")])
def test_free_memory_is_kept_a_while_unless_somebody_said_otherwise(mine, kept):
    env = {name: value for name, value in os.environ.items() if name != pages.DELAY} | mine
    command = [sys.executable, "-c", AT_IMPORT]
    said = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    assert said.stdout.splitlines()[0] == kept


@linux
@pytest.mark.parametrize("usual", [0, 1])
def test_pages_are_small_within_and_as_they_were_after(usual):
    before = told()
    pages._ask(pages.SET, usual)
    try:
        with suppress(ZeroDivisionError), pages.small():
            assert told() == 1
            raise ZeroDivisionError
        assert told() == usual
    finally:
        pages._ask(pages.SET, before)
