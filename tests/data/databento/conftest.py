"""A vendor with three months of ES to sell, a download request file, and `qe` to run on it."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qe_plugins import cli
from tests.fakes.databento_server import tape
from tests.fakes.databento_server.archive import Archive
from tests.fakes.databento_server.server import Gateway
from tests.fakes.databento_server.vendor import Vendor

START, END = dt.date(2013, 10, 1), dt.date(2014, 1, 1)


@pytest.fixture(scope="session")
def archive() -> Archive:
    return tape.make_archive(tape.december(), tape.weekdays(START, END), every=120)


@pytest.fixture
def gateway(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A vendor that only this test deals with; the key and its certificate are set."""
    with Gateway(Vendor(archive), tmp_path) as running:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running.bundle))
        monkeypatch.setenv("DATABENTO_API_KEY", running.key)
        yield running


@pytest.fixture
def sleeps(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the product would have slept between attempts.

    Who does not sleep asks too often, so the vendor's rate limit is off.
    """
    slept: list[float] = []
    monkeypatch.setattr(
        "qe_plugins.data.databento.client.wait_seconds", lambda _, seconds: slept.append(seconds)
    )
    monkeypatch.setattr(gateway.limits, "exceeded", lambda endpoint: False)
    return slept


@pytest.fixture
def request_file(gateway: Gateway, tmp_path: Path) -> Callable[..., Path]:
    """Write a download request: ES over three months, by default the front's bars."""

    def write(symbols: str = "front", schemas: str = "[ohlcv-1m]", more: str = "") -> Path:
        path = tmp_path / "request.yaml"
        path.write_text(
            f"start: {START}\nend: {END}\nschemas: {schemas}\nsymbols: {symbols}\n"
            f"roots:\n  ES:\ndatabento:\n  gateway: {gateway.url}\n{more}"
        )
        return path

    return write


@dataclass
class Ran:
    """What a run of `qe` left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)


@pytest.fixture
def qe(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run `qe` in this process."""

    def run(*args: object) -> Ran:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["qe", *map(str, args)])
        try:
            cli.main()
            code = 0
        except SystemExit as done:
            code = int(done.code or 0)
        return Ran(code, *capsys.readouterr())

    return run


@dataclass
class Home:
    """A dataset's folder as it lies on the disk."""

    folder: Path

    @property
    def files(self) -> dict[str, bytes]:
        """Return the content of every data file by its path."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*.dbn.zst"))
        }

    @property
    def leftovers(self) -> list[str]:
        """Return what a finished run must not leave."""
        return [str(path) for path in self.folder.rglob("*.part*")]

    @property
    def manifest(self) -> Any:
        path = self.folder / "manifest.json"
        return msgspec.json.decode(path.read_bytes()) if path.exists() else {"files": {}}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home" / "data" / "GLBX.MDP3")


def until(met: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until another process has got somewhere."""
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "it took too long"
        threading.Event().wait(0.02)


def start_qe(*args: object) -> subprocess.Popen[str]:
    """Start `qe` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "qe_plugins.cli", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
