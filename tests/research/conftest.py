"""A small run to sweep over."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return the EMA cross on two generated sessions as a configuration."""
    file = tmp_path / "run.yaml"
    file.write_text(
        f"extends: {ROOT / 'configs/base/cme.yaml'}\n"
        "name: small\n"
        "data: {synthetic: {sessions: 2}}\n"
        "strategies:\n"
        "  ema_cross: {instrument_id: MESH24.XCME, fast: 5, slow: 30}\n"
    )
    return file
