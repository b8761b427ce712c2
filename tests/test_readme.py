"""The README's commands work as they are written, from a fresh clone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.command import ROOT
from tests.documents import commands, fresh_clone, typed

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = commands(README)

ELSEWHERE = {
    "uv run pytest": "this is it",
    "echo DATABENTO_API_KEY": "needs a key",
    "uv run qe data estimate": "needs a key: tests/data/databento",
    "uv run qe data get": "needs a key: tests/data/databento",
    "uv run qe data verify": "needs bought data: tests/data/databento",
    "uv run qe data rolls ES": "needs bought data: tests/data/databento",
    "uv run qe backtest configs/backtest/es_hold.yaml": "needs bought data",
    "uv run qe paper": "at a pace: tests/cli/test_paper.py",
    "uv run qe halt": "the commands after it would be refused: tests/cli/test_halt.py",
    "uv sync --extra temporal": "installs",
    "uv run temporal": "a server: tests/fleet/temporal",
    "uv run qe worker": "needs a server: tests/fleet/temporal",
    "uv run qe fleet scan configs/fleet/full.yaml --engine temporal": "tests/fleet/temporal",
    "uv run qe rehearse": "until Ctrl-C: tests/testing/tws/test_rehearse.py",
    "uv run qe walkforward": "takes minutes: tests/research/walkforward",
    "uv run qe factors test configs/research/planted": "takes minutes: test_planted.py",
    "uv run qe factors combine": "of that test: tests/research/factors/test_planted.py",
    "uv run qe backtest configs/backtest/es_factors.yaml": "needs its book: test_planted.py",
    "uv run qe factors backtest": "needs its book: tests/research/factors/test_planted.py",
    "uv run qe watch": "until Ctrl-C: tests/guard/test_rehearsal.py",
    "uv run qe live": "until Ctrl-C: tests/guard/test_rehearsal.py",
    "uv run qe check configs/live/mes_paper.yaml": "tests/guard/test_rehearsal.py",
    "uv run qe status": "tests/guard/test_rehearsal.py",
    "bash -c": "needs what runs until Ctrl-C: tests/guard/test_rehearsal.py",
    "uv run qe flatten": "halts: tests/guard/test_rehearsal.py",
    "uv run qe resume": "needs a terminal: tests/guard/test_rehearsal.py",
    "uv run qe desk configs/fleet/team.yaml": "minutes: tests/desk/test_whole_day.py",
    "uv run qe fleet run": "around the clock: tests/fleet/schedule/test_run.py",
}
"""How the commands begin that are not run here, and why."""


def left_out(command: str) -> bool:
    """Say whether a command is one that is run elsewhere."""
    return any(
        command == start or (command.startswith(start) and start != "uv run pytest")
        for start in ELSEWHERE
    )


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh clone of what is committed."""
    return fresh_clone(tmp_path_factory.mktemp("readme"))


def edit_the_guardian(clone: Path) -> None:
    """Replace the draft by the code that the README shows."""
    [code] = re.findall(r'```python\n("""No large orders.*?)```', README, re.DOTALL)
    (clone / "agents" / "guardian_lunch.py").write_text(code, encoding="utf-8")


def test_no_command_relies_on_a_variable_of_the_shell() -> None:
    assert [command for command in COMMANDS if re.search(r'"[^"]*\$', command)] == []


def test_what_is_left_out_is_there() -> None:
    unused = [start for start in ELSEWHERE if not any(c.startswith(start) for c in COMMANDS)]
    assert unused == []


@pytest.mark.long
def test_every_command_in_its_order(clone: Path) -> None:
    done: list[str] = []
    for command in COMMANDS:
        if left_out(command):
            continue
        result = typed(command, clone)
        assert result.returncode == 0, f"{command}\n{result.stdout[-2_000:]}{result.stderr}"
        done.append(command)
        if command.startswith("uv run qe new agent lunch"):
            edit_the_guardian(clone)
        if command.endswith("grep lunch"):
            assert "lunch until 12:15" in result.stdout
    assert len(done) >= 12
