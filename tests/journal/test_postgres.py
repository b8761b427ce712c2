"""The journal on a Postgres server: that is killed, stopped, frozen, down, or not to be entered."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from qe_plugins.cli import cli
from qe_plugins.errors import JournalError
from qe_plugins.journal.facts import Fact
from qe_plugins.journal.store import Journal, content_hash
from tests.journal.appending import numbered
from tests.journal.facts import STARTED, small_run
from tests.postgres import PASSWORD, PostgresServer

DOWN = "postgresql://trader@127.0.0.1:1/journal"
WAIT = 0.5  # seconds of an append, instead of the usual five


@pytest.fixture
def server(postgres_server: PostgresServer) -> PostgresServer:
    return postgres_server


@pytest.fixture
def journal(server: PostgresServer) -> Iterator[Journal]:
    with Journal.open(server.url(), timeout=WAIT) as opened:
        opened.open_run("r1", "small", STARTED)
        yield opened


def append_until(journal: Journal, stop: threading.Event) -> list[Fact]:
    """Append facts, each again until its append returns; return those that did."""
    returned: list[Fact] = []
    while not stop.is_set():
        one = numbered(len(returned))
        try:
            journal.append("r1", [one])
        except JournalError:
            stop.wait(0.01)
        else:
            returned.append(one)
    return returned


def test_a_run_has_the_same_content_hash_as_in_sqlite(journal):
    for one in small_run():
        journal.append("r1", [one])
    with Journal.open() as sqlite:
        written = sqlite.write_run("r1", "small", STARTED, small_run())

    assert journal.write_run("r2", "small", STARTED, small_run()) == written
    assert journal.close_run("r1") == written == content_hash(small_run())
    assert journal.verify() == []


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_server_that_ends_refuses_the_append_at_once_and_goes_on_when_it_is_back(
    journal, server, end
):
    journal.append("r1", small_run()[:5])
    getattr(server, end)()
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(JournalError, match="and whether the server runs"):
            journal.append("r1", small_run()[5:7])
        assert time.monotonic() - began < WAIT + 4
    server.start()

    journal.append("r1", small_run()[5:9])
    journal.append("r1", small_run()[9:])
    assert journal.close_run("r1") == content_hash(small_run())


def test_a_restart_between_two_appends_is_not_noticed(journal, server):
    journal.append("r1", small_run()[:5])
    server.stop()
    server.start()

    journal.append("r1", small_run()[5:])
    assert journal.close_run("r1") == content_hash(small_run())


def test_a_frozen_server_refuses_the_append_in_time(journal, server):
    journal.append("r1", small_run()[:5])
    server.freeze()
    try:
        began = time.monotonic()
        with pytest.raises(JournalError, match="the server does not answer"):
            journal.append("r1", small_run()[5:7])
        assert time.monotonic() - began < WAIT + 4
    finally:
        server.thaw()

    journal.append("r1", small_run()[5:])
    assert journal.close_run("r1") == content_hash(small_run())


def test_a_server_killed_while_facts_are_appended_loses_and_doubles_none(journal, server):
    server.stop()
    server.start("fsync=on")
    stop, returned = threading.Event(), []
    session = threading.Thread(target=lambda: returned.extend(append_until(journal, stop)))
    session.start()
    for _ in range(3):
        before = open_facts(journal)
        while open_facts(journal) < before + 10:
            time.sleep(0.005)
        server.kill()
        server.start()
    stop.set()
    session.join(30)

    kept = journal.facts("r1")
    assert kept[: len(returned)] == returned
    assert len(kept) <= len(returned) + 1  # the last one may be in doubt
    journal.append("r1", [numbered(len(returned))])
    expected = [numbered(number) for number in range(len(returned) + 1)]
    assert journal.close_run("r1") == content_hash(expected)
    assert journal.verify() == []


def open_facts(journal: Journal) -> int:
    [run] = journal.open_runs()
    return run.facts


class TestErrors:
    def test_a_wrong_password(self, server):
        said = refusal(server.loopback("wrong"))

        assert 'password authentication failed for user "trader"' in said
        assert "wrong" not in said

    def test_a_server_that_is_down(self):
        said = refusal(DOWN)

        assert "onnection refused" in said
        assert "Look at QE_JOURNAL_URL, and whether the server runs." in said

    def test_no_driver(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "psycopg", None)

        assert "Install the driver: `uv sync --extra postgres`." in refusal(DOWN)

    def test_runs_are_listed_while_the_journal_is_down(self, monkeypatch):
        monkeypatch.setenv("QE_JOURNAL_URL", DOWN)
        done = CliRunner().invoke(cli, ["runs"])

        assert done.exit_code == 0
        assert "no run yet" in done.stdout
        assert "open runs are not listed" in done.stderr


def refusal(url: str) -> str:
    """Return the one line that a command ends with, with exit code 2."""
    with pytest.raises(JournalError) as caught:
        Journal.open(url)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_usual_form_of_the_url_is_accepted(server):
    with Journal.open(server.loopback(PASSWORD).replace("postgresql", "postgres")) as one:
        assert one.runs() == []
