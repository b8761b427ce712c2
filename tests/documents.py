"""Commands of documents: found in them, and typed in a fresh clone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import ROOT


def commands(text: str) -> list[str]:
    """Return the lines of the `sh` blocks of a document, without their comments."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [
        line.partition("  #")[0].strip().removeprefix("pip install uv && ")
        for block in blocks
        for line in block.splitlines()
        if line
    ]


def fresh_clone(folder: Path) -> Path:
    """Return a fresh clone of what is committed, in a folder."""
    place = folder / "quant-engine"
    made = subprocess.run(
        ["git", "clone", "--quiet", str(ROOT), str(place)],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode != 0:
        pytest.skip("this is no repository")
    return place


def typed(
    command: str, clone: Path, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Type a command in the clone, or in a folder beside it, with this interpreter for uv's."""
    here = command.replace("uv run qe ", f"{sys.executable} -m qe_plugins.cli ")
    here = re.sub(r"uv run pytest\b", f"{sys.executable} -m pytest -n 0", here)
    home = {"XDG_DATA_HOME": str(clone.parent / "data"), "HOME": str(clone.parent)}
    environment = {k: v for k, v in os.environ.items() if k != "QE_HOME"} | home
    for name in [name for name in environment if name.startswith("PYTEST")]:
        del environment[name]
    return subprocess.run(
        ["bash", "-c", here],
        cwd=folder or clone,
        env=environment | {"BROWSER": "true"},
        check=False,
        capture_output=True,
        text=True,
    )
