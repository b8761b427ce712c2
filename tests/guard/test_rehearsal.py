"""The README's way from nothing to a paper node, typed as it is written, beside a simulated TWS."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.command import ROOT

SECTION = (
    (ROOT / "README.md")
    .read_text(encoding="utf-8")
    .partition("## From nothing to a paper node")[2]
    .partition("\n## ")[0]
)
RUNNING, TYPED = (
    [line.partition("  #")[0].strip() for line in block.strip().splitlines()]
    for block in re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)
)
PATIENCE = 60.0


class Terminals:
    """Terminals: some commands run in theirs until Ctrl-C, the others are typed one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[tuple[subprocess.Popen[str], Path]] = []
        self.environment = os.environ | {"QE_HOME": str(folder / "home")}
        self.environment.pop("QE_JOURNAL_URL", None)

    def words(self, command: str) -> list[str]:
        """Return a command with this interpreter in place of the one that uv would make."""
        return ["bash", "-c", command.replace("uv run qe", f"exec {sys.executable} -m {CLI}")]

    def begin(self, command: str) -> Path:
        log = self.folder / f"{len(self.running)}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                self.words(command),
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=output,
                text=True,
            )
        self.running.append((process, log))
        return log

    def type(self, command: str) -> str:
        """Type a command at a terminal; return what it says. Its exit code must be 0."""
        ours, theirs = pty.openpty()
        try:
            done = subprocess.run(
                self.words(command),
                cwd=ROOT,
                env=self.environment,
                stdin=theirs,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        finally:
            os.close(ours)
            os.close(theirs)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def end(self) -> list[int]:
        """Press Ctrl-C in each, the newest first, and return the exit codes."""
        codes = []
        for process, _ in reversed(self.running):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                codes.append(process.wait(PATIENCE))
            finally:
                process.kill()
        return codes


CLI = "qe_plugins.cli"


def until(log: Path, text: str, terminals: Terminals) -> None:
    end = time.monotonic() + PATIENCE
    while text not in log.read_text():
        assert time.monotonic() < end, f"no {text!r} in time:\n{log.read_text()}"
        for process, own in terminals.running:
            assert process.poll() is None, own.read_text()
        time.sleep(0.05)


@pytest.fixture
def terminals(tmp_path):
    for port in (4002, 4003):
        with socket.socket() as wanted:
            if wanted.connect_ex(("127.0.0.1", port)) == 0:
                pytest.skip(f"port {port} is in use")
    found = Terminals(tmp_path)
    yield found
    found.end()


@pytest.mark.long
def test_from_nothing_to_a_paper_node_and_flat_again(terminals):
    rehearsal, watching, trading = RUNNING
    assert rehearsal == "uv run qe rehearse"
    tws = terminals.begin(rehearsal)
    until(tws, "control port", terminals)
    watcher = terminals.begin(watching)
    node = terminals.begin(trading)
    until(watcher, "watching account DU1234567", terminals)
    until(node, "flat; P&L", terminals)

    check, status, buy, flatten, alarms, resume = TYPED
    assert "mes-paper" in terminals.type(check)
    assert "running" in terminals.type(status)
    terminals.type(buy)
    until(watcher, "CRITICAL DU1234567: unprotected MES", terminals)
    assert "verified twice" in terminals.type(flatten)
    until(watcher, "ended DU1234567: unprotected MES", terminals)
    assert "unprotected" in terminals.type(alarms)
    assert "resumed by" in terminals.type(resume)

    found = json.loads(terminals.type("uv run qe status --json"))
    assert (found["halted"], len(found["sessions"])) == (False, 1)
    assert terminals.end() == [0, 0, 0]


def test_the_section_has_the_commands_that_are_typed():
    assert (len(RUNNING), len(TYPED)) == (3, 6)
