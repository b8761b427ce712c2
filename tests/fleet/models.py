"""A fleet on the test vendor: real sockets, the vendors' SDKs, and the vendor's own bill."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from qe_plugins.llm.ledger import Ledger
from tests.fakes.model_server import bill
from tests.fakes.model_server.profile import Profile
from tests.fakes.model_server.spawned import ROOT, spawned
from tests.fleet.conftest import document

KEYS = {"DEEPSEEK_API_KEY": "test-key-0000000", "ANTHROPIC_API_KEY": "test-key-0000000"}
WORKERS = 120
RANKS = {
    "desk": {"model": "claude-opus-5-5", "deadline": "100s", "quorum": "10%"},
    "coordinator": {"model": "claude-opus-5-5", "deadline": "90s", "quorum": "10%"},
    "captain": {"count": 3, "model": "deepseek-flash", "deadline": "80s", "quorum": "10%"},
    "supervisor": {"count": 4, "model": "deepseek-flash", "deadline": "70s", "quorum": "10%"}
    | {"ask_model": "never"},
    "worker": {"count": 10, "model": "deepseek-flash", "deadline": "60s"},
}
ONE_VENDOR = {name: rank | {"model": "deepseek-flash"} for name, rank in RANKS.items()}
"""The same on one SDK, for tests that start many processes."""

TASKS = {"windows": {"timeframes": ["1m", "5m"], "bars": [20, 30], "back": 30, "stride": 1}}


class Vendor:
    """A running server: where it is, and what it was paid for."""

    def __init__(self, url: str, file: Path) -> None:
        self.url, self.file = url, file

    @property
    def sent(self) -> list[bill.Line]:
        """Return every call that reached it."""
        return bill.lines(self.file) if self.file.exists() else []

    @property
    def paid(self) -> list[bill.Line]:
        """Return the calls it charged for."""
        return [line for line in self.sent if line.paid]

    @property
    def usd(self) -> Any:
        """Return what it charged."""
        return bill.total(self.file)

    @property
    def unique(self) -> int:
        """Return how many different requests it charged for."""
        return len({line.request for line in self.paid})

    def wait_for(self, calls: int) -> None:
        """Return when so many calls have been charged."""
        until = time.monotonic() + 300
        while len(self.paid) < calls and time.monotonic() < until:
            time.sleep(0.01)


@contextlib.contextmanager
def vendor(folder: Path, name: str = "vendor", **profile: Any) -> Iterator[Vendor]:
    """Start a vendor with a bill of its own."""
    file = folder / f"{name}.bill"
    with spawned(file, Profile(**{"output_tokens": 300} | profile)) as url:
        yield Vendor(url, file)


def fleet_on(vendor: Vendor, folder: Path, **changes: Any) -> Path:
    """Write a fleet of 1 x 3 x 4 x 10 that asks the vendor, changed, and return the file."""
    fleet = document(
        **{
            "provider": "models",
            "base_urls": {"deepseek": f"{vendor.url}/v1", "anthropic": vendor.url},
            "ranks": RANKS,
            "coordinators": [{"role": "HUNTER", "tasks": TASKS}],
            "calls": {"concurrency": 20, "timeout": "5s"},
        }
        | changes
    )
    file = folder / "fleet.yaml"
    file.write_text(yaml.safe_dump(fleet, sort_keys=False), encoding="utf-8")
    return file


def started(*arguments: object) -> subprocess.Popen[str]:
    """Start `qe fleet ...` in a process of its own."""
    command = [sys.executable, "-m", "qe_plugins.cli", "fleet", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | KEYS, text=True, **pipes)


def open_calls() -> int:
    """Return how many calls our ledger knows as sent and never settled."""
    with Ledger() as ledger:
        return sum(row.open for row in ledger.costs("scan"))
