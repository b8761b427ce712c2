"""A Postgres server of the tests' own: Debian's programs, a folder, a port, a socket."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

FAST = ("fsync=off", "full_page_writes=off")
"""No test pulls the plug, and a process that is killed loses nothing that it wrote."""

PASSWORD = "hunter2"
"""That of the user `trader`, who connects by TCP; `postgres` needs none at the socket."""


def programs() -> Path | None:
    """Return the folder of the server's programs, None where it is not installed."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class PostgresServer:
    """A server with an empty database, as another user where the tests are root's."""

    def __init__(self) -> None:
        found = programs()
        assert found is not None
        self._programs = found
        self.folder = Path(tempfile.mkdtemp(prefix="qe-pg-"))
        self._as = {"user": "nobody", "group": "nogroup"} if os.getuid() == 0 else {}
        if self._as:
            shutil.chown(self.folder, **self._as)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self._schemas = itertools.count(1)
        self._initialize()
        self.start()
        with self.admin() as connection:
            connection.execute(f"CREATE USER trader SUPERUSER PASSWORD '{PASSWORD}'")

    def _initialize(self) -> None:
        self._run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8")
        data = self.folder / "data"
        (data / "pg_hba.conf").write_text(
            "local all postgres trust\nhost all trader 127.0.0.1/32 scram-sha-256\n"
        )

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            check=True,
            capture_output=True,
            **self._as,
        )

    def start(self, *options: str) -> None:
        """Start the server, fast or with other options, and wait until it accepts connections."""
        settings = (
            *("listen_addresses=127.0.0.1", f"port={self.port}", "autovacuum=off"),
            *(f"unix_socket_directories={self.folder}", "shared_buffers=16MB"),
            *(options or FAST),
        )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", "data", *(f"--{one}" for one in settings)],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as,
            )
        while True:
            try:
                self.admin().close()
            except psycopg.OperationalError:
                if self._process.poll() is not None:
                    raise AssertionError((self.folder / "log").read_text()) from None
                time.sleep(0.02)
            else:
                return

    def admin(self) -> psycopg.Connection:
        """Return a connection of the superuser."""
        return psycopg.connect(
            host=str(self.folder), port=self.port, user="postgres", autocommit=True
        )

    def url(self) -> str:
        """Return the URL of a new, empty schema."""
        name = f"t{next(self._schemas)}"
        with self.admin() as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        where = f"host={quote(str(self.folder), safe='')}&port={self.port}"
        return f"postgresql+psycopg://postgres@/postgres?{where}&options=-csearch_path%3D{name}"

    def loopback(self, password: str) -> str:
        """Return the URL by TCP, with a password."""
        return f"postgresql://trader:{password}@127.0.0.1:{self.port}/postgres"

    def kill(self) -> None:
        """End the server and its processes without warning."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop the server: connections end, nothing is in the way."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)

    def freeze(self) -> None:
        """Let the server answer nothing, with all its connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        for process in self._processes():
            os.kill(process, number)

    def _processes(self) -> list[int]:
        """Return the server's processes: each is the leader of its own session but the first."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [self._process.pid, *map(int, children.read_text().split())]

    def _end(self, number: signal.Signals) -> None:
        self._signal(number)
        assert self._process is not None
        self._process.wait(30)

    def remove(self) -> None:
        """End the server and delete its folder."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder)
