"""A running development server, for one test or for all that leave it running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.models import KEYS
from tests.fleet.temporal.cluster import Cluster


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Start a server that a test may kill, and end all that was started at it."""
    one = Cluster(tmp_path / "cluster")
    try:
        one.start()
        yield one
    finally:
        one.stop()
