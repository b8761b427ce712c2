"""A served Observatory: a real process on a loopback port, and a client that has its session."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from tests.command import ROOT

PATIENCE = 60.0
"""Seconds that an answer may take on a loaded machine."""


class Answer:
    """An HTTP answer: status, headers in lower case, text."""

    def __init__(self, status: int, headers: Mapping[str, str], text: str) -> None:
        self.status, self.headers, self.text = status, headers, text


class Client:
    """A browser without script: it keeps its cookie and says where a request comes from."""

    def __init__(self, address: str, process: subprocess.Popen[str]) -> None:
        self.entry, self.process = address, process
        self.netloc = urlsplit(address).netloc
        self.cookie = ""

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: str = ""
    ) -> Answer:
        """Send one request as it is, without a session unless the headers have one."""
        connection = http.client.HTTPConnection(self.netloc, timeout=PATIENCE)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        sent = {"Host": self.netloc, **(headers or {})}
        if body:
            sent |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Content-Length": str(len(body)),
            }
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body.encode())
        got = connection.getresponse()
        text = got.read().decode()
        connection.close()
        return Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, text)

    def enter(self) -> Answer:
        """Use the printed address, and keep the cookie."""
        got = self.ask("GET", self.entry.removeprefix(f"http://{self.netloc}"))
        self.cookie = got.headers.get("set-cookie", "").partition(";")[0]
        return got

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Return a page of this session."""
        return self.ask("GET", path, {"Cookie": self.cookie, **(headers or {})})

    def fields(self, path: str = "/") -> dict[str, str]:
        """Return the hidden fields of the first form of a page."""
        found = re.findall(r'name="(token|once)" value="([\w-]+)"', self.get(path).text)
        return dict(found[:2])

    def post(
        self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a form as a browser does from a page without referrer."""
        own = {"Cookie": self.cookie, "Origin": "null", "Sec-Fetch-Site": "same-origin"}
        return self.ask("POST", path, {**own, **(headers or {})}, urlencode(fields))


@contextmanager
def serving(home: Path, *options: str, port: int = 0) -> Iterator[Client]:
    """Serve an Observatory of a state folder for a block."""
    words = [sys.executable, "-m", "qe_plugins.cli", "observatory", "--port", str(port), *options]
    unwanted = ("QE_JOURNAL_URL", "QE_LEDGER_URL")
    names = {name: value for name, value in os.environ.items() if name not in unwanted}
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        env={**names, "QE_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), address or process.stderr.read()
        yield Client(address, process)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Return the client of an Observatory that has nothing to show."""
    with serving(tmp_path_factory.mktemp("nothing"), "--development") as client:
        client.enter()
        yield client
