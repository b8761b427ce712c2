"""A project with honest components and such as look ahead, and a small run of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command import qe

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
OURS = ("agents/arbiter_vote.py", "strategies/ema_cross.py", "strategies/hold.py")

type Analyse = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project folder with the components of `components/`."""
    folder = tmp_path / "desk"
    shutil.copytree(HERE / "components", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in OURS:
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def analyse(project: Path) -> Analyse:
    """Return a function that writes a configuration, analyses it, and returns code and result."""

    def run(text: str, *words: object, samples: int = 2) -> tuple[int, dict[str, Any]]:
        file = project / "run.yaml"
        file.write_text(f"extends: {ROOT / 'configs/base/cme.yaml'}\nname: small\n{text}")
        flags = ("--samples", samples, "--workers", 2, "--json")
        done = qe("lookahead", file, *flags, *words, cwd=project)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    return run
