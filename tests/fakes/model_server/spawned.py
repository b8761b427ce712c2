"""A model server in a process of its own, so that what it costs is not counted as ours."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.fakes.model_server.profile import Profile

ROOT = Path(__file__).resolve().parents[3]


@contextlib.contextmanager
def spawned(bill: Path, profile: Profile | None = None) -> Iterator[str]:
    """Start a server, yield its base URL, and kill it at the end."""
    told = msgspec.json.encode(profile or Profile()).decode()
    command = [sys.executable, "-m", "tests.fakes.model_server", str(bill), told]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()
