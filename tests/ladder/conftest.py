"""A strategy with a claim that opens the first rung."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ladder.climber import Climber


@pytest.fixture
def climber(tmp_path: Path) -> Iterator[Climber]:
    made = Climber(tmp_path)
    yield made
    made.journal.close()
