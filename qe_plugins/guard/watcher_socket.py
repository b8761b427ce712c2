"""How other processes of the same user reach a running watcher: a socket on loopback.

The port and a token are in a file that only the user can read. A request is a JSON line; the answer
is any number of lines `{"say": ...}`, then one `{"answer": ...}` or `{"error": ...}`.
"""

from __future__ import annotations

import hmac
import os
import secrets
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins import state_dir
from qe_plugins.errors import QeError
from qe_plugins.halt.latch import write_atomically
from qe_plugins.safe_text import in_words

HOST = "127.0.0.1"
LONGEST = 100_000

type Say = Callable[[str], object]
type Handler = Callable[[dict[str, Any], Say], Any]
"""Answers a request; what it passes to `Say` is shown to the person while it works."""


class WatcherAway(QeError):  # noqa: N818 - a state, not a mistake
    """No watcher answers for an account."""


class SocketFile(msgspec.Struct, frozen=True, kw_only=True):
    """Where a watcher listens: its port, the token to send, its process, its configuration."""

    account: str
    port: int
    token: str
    pid: int
    config: str


class WatcherSocket:
    """Listens for requests on a thread of its own, until closed. Raises OSError at the start."""

    def __init__(self, account: str, config: str, handler: Handler) -> None:
        token = secrets.token_hex(16)

        class Request(socketserver.StreamRequestHandler):
            """One connection: one request, and its answer."""

            timeout = 60.0

            def handle(self) -> None:
                """Answer one request. A caller that is gone does not end the work."""
                with suppress(OSError):
                    _answer(self.rfile.readline(LONGEST), token, handler, self._write)

            def _write(self, line: dict[str, Any]) -> None:
                with suppress(OSError):
                    self.wfile.write(msgspec.json.encode(line) + b"\n")

        self._server = socketserver.ThreadingTCPServer((HOST, 0), Request)
        self._server.daemon_threads = True
        self._file = _file(account)
        port = int(self._server.server_address[1])
        found = SocketFile(account=account, port=port, token=token, pid=os.getpid(), config=config)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._file, msgspec.json.encode(found))  # readable by its owner alone
        threading.Thread(
            target=self._server.serve_forever, name="qe-watcher-socket", daemon=True
        ).start()

    def close(self) -> None:
        """Listen no more."""
        with suppress(OSError):
            if (found := _read(self._file)) is not None and found.pid == os.getpid():
                self._file.unlink()
        self._server.shutdown()
        self._server.server_close()


def listening() -> list[SocketFile]:
    """Return the watchers that have a file, running or not, by account."""
    files = sorted((state_dir.state_dir() / "watch").glob("*.json"))
    return [found for file in files if (found := _read(file)) is not None]


def ask(account: str, request: dict[str, Any], *, timeout: float, say: Say) -> Any:
    """Return a watcher's answer; pass on what it says meanwhile.

    Raises WatcherAway where none listens, or where it is silent for `timeout` seconds, and QeError
    with its words where it cannot do what was asked.
    """
    found = _read(_file(account))
    if found is None:
        raise WatcherAway("no watcher runs.", where=f"account {account}")
    try:
        with socket.create_connection((HOST, found.port), timeout) as opened:
            opened.settimeout(timeout)
            opened.sendall(msgspec.json.encode({**request, "token": found.token}) + b"\n")
            for line in _lines(opened):
                if "say" in line:
                    say(line["say"])
                elif "error" in line:
                    raise QeError(line["error"], where="the watcher")
                else:
                    return line["answer"]
    except (OSError, msgspec.DecodeError) as error:
        message = f"the watcher (process {found.pid}) does not answer: {in_words(error)}."
        raise WatcherAway(message, where=f"account {account}") from error
    raise WatcherAway("the watcher ended before it answered.", where=f"account {account}")


def _answer(
    line: bytes, token: str, handler: Handler, write: Callable[[dict[str, Any]], None]
) -> None:
    try:
        request = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError):
        return
    if not hmac.compare_digest(str(request.pop("token", "")), token):
        return
    try:
        write({"answer": handler(request, lambda text: write({"say": text}))})
    except QeError as error:
        write({"error": str(error)})


def _lines(opened: socket.socket) -> Iterator[dict[str, Any]]:
    with opened.makefile("rb") as file:
        for line in file:
            yield msgspec.json.decode(line, type=dict[str, Any])


def _file(account: str) -> Path:
    return state_dir.inside(state_dir.state_dir() / "watch", f"{account}.json")


def _read(file: Path) -> SocketFile | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=SocketFile)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None
