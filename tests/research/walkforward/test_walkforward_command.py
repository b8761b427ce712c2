"""`qe walkforward`, with real backtests in real processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import ROOT, qe

GRID = ("--grid", "strategies.ema_cross.fast=10,20")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the EMA cross on three generated months as a configuration."""
    found = tmp_path / "run.yaml"
    found.write_text(
        f"extends: {ROOT / 'configs/base/cme.yaml'}\n"
        "name: three-months\n"
        "data: {synthetic: {sessions: 62}}\n"
        "strategies:\n"
        "  ema_cross: {instrument_id: MESH24.XCME, fast: 10, slow: 60}\n"
    )
    return found


@pytest.mark.long
def test_the_choice_of_a_month_is_judged_on_the_next_one_and_can_be_resumed(file: Path) -> None:
    words = ("walkforward", file, "--train", "1M", "--test", "1M", *GRID)
    ran = qe(*words, "--workers", 2, "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    walk = found["walk"]
    assert [one["test_from"][:7] for one in walk["windows"]] == ["2024-02", "2024-03"]
    assert walk["test_pnl"] == pytest.approx(sum(one["test_pnl"] for one in walk["windows"]))
    assert walk["test_pnl"] == pytest.approx(sum(walk["pnl"]))
    assert len(found["chosen"]) == 2
    assert not found["positive"]

    again = qe(*words, "--resume", found["sweep"], "--train", "2M")
    assert again.returncode == 0, again.stderr
    assert "Not told from zero" in again.stdout
    listed = json.loads(qe("journal", "trials", "--run", found["sweep"], "--json").stdout)
    assert len(listed) == 2
    [line] = [one for one in again.stdout.splitlines() if one.startswith("resume or extend it")]
    assert line.endswith(f" --train 2M --test 1M --objective sharpe --resume {found['sweep']}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--train", "9W"), "is not a span of months"),
        (("--train", "24M"), "a window needs 25 months, the data has 4"),
    ],
)
def test_spans_that_do_not_fit_are_one_line_and_exit_code_2(
    file: Path, change: tuple[str, str], words: str
) -> None:
    ran = qe("walkforward", file, "--test", "1M", *change, *GRID)
    assert ran.returncode == 2
    assert words in ran.stderr
