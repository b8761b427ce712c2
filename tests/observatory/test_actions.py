"""Halt and flatten: what happened is said, each press once, each a fact with its actor."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qe_plugins import state_dir
from qe_plugins.halt import facts
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.observatory.server import actions
from qe_plugins.observatory.server.actions import ActionOutcome, Actions, TooSoon
from tests.observatory.conftest import PATIENCE, Answer, Client, serving


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("actions")


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Client]:
    with serving(home) as opened:
        opened.enter()
        yield opened


@pytest.fixture
def client(served: Client, home: Path) -> Iterator[Client]:
    yield served
    HaltLatch(home / "halt.json").clear()


def url(home: Path) -> str:
    return f"sqlite:///{home}/journal.sqlite"


def halts(home: Path) -> list[str]:
    """Return the reasons of the halts in the journal."""
    with Journal.open(url(home)) as journal:
        return [one.fact.body["reason"] for one in journal.page(kinds=[FactKind.HALT])]


def pressed(client: Client, fields: dict[str, str]) -> Answer:
    """Send the form of Halt, again while another action was less than a second ago."""
    end = time.monotonic() + PATIENCE
    while (sent := client.post("/halt", fields)).status == 429 and time.monotonic() < end:
        pass
    return sent


def test_a_halt_without_script_is_in_force_and_says_what_happened(
    client: Client, home: Path
) -> None:
    before = len(halts(home))
    sent = pressed(client, client.fields())
    told = client.get(sent.headers["location"]).text

    assert sent.status == 303
    assert "<h1 hx-ignore>Halted</h1>" in told
    assert "written and read back" in told
    assert "The fact is in the journal." in told
    halt = HaltLatch(home / "halt.json").read()
    assert halt is not None
    assert halt.who.endswith("in the Observatory")
    assert halts(home)[before:] == ["halted from the Observatory"]
    with ActivityJournal.open(url(home)) as activity:
        assert str(activity.rows(limit=1)[0].kind) == "action"


def test_a_second_press_of_one_form_is_no_second_action(client: Client, home: Path) -> None:
    before, fields = len(halts(home)), client.fields()
    places = {pressed(client, fields).headers["location"] for _ in range(3)}

    assert len(places) == 1
    assert len(halts(home)) == before + 1


def test_a_halt_is_in_force_while_the_journal_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "PATIENCE", 0.1)
    place = state_dir.journal_url().removeprefix("sqlite:///")
    with ActivityJournal.open():
        pass
    with sqlite3.connect(place, isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        outcome = actions.halt("a test")
        holder.execute("ROLLBACK")

    assert HaltLatch.at_home().read() is not None
    assert "is not in the journal" in outcome.lines[-1]


def test_flatten_of_what_is_not_held_is_refused(client: Client, home: Path) -> None:
    sent = client.post("/flatten", {**client.fields(), "contract": "MESZ26.XCME"})

    assert sent.status == 404
    assert "is not the name of a contract that is held" in sent.text
    assert HaltLatch(home / "halt.json").read() is None


def test_refusals_are_lines_of_the_journal_and_a_new_start_ends_sessions(tmp_path: Path) -> None:
    with serving(tmp_path) as first:
        first.enter()
        port, cookie = int(first.netloc.partition(":")[2]), first.cookie
        for _ in range(20):
            first.get("/", {"Host": "desk.example"})
        first.post("/halt", {"token": "wrong"})
        first.process.terminate()
        first.process.wait(PATIENCE)
    with ActivityJournal.open(url(tmp_path)) as activity:
        texts = [one.text for one in activity.rows()]
    assert sorted(text.partition(":")[0] for text in texts) == ["refused (host)", "refused (token)"]

    with serving(tmp_path, "--read-only", port=port) as second:
        second.cookie = cookie
        assert second.get("/").status == 401
        second.enter()
        pages = [second.get(path).text for path in ("/", "/journal", "/flatten", "/foundation")]
        assert not any('method="post"' in page for page in pages)
        assert second.post("/halt", {"token": "x", "once": "0" * 32}).status == 403
        assert HaltLatch(tmp_path / "halt.json").read() is None


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def acting(clock: Clock) -> tuple[Callable[[], ActionOutcome], list[float]]:
    """Return an action, and the times at which it was done."""
    done: list[float] = []

    def act() -> ActionOutcome:
        done.append(clock.now)
        return ActionOutcome(title="done", lines=())

    return act, done


def test_a_second_action_within_a_second_is_refused() -> None:
    clock = Clock()
    act, done = acting(clock)
    actions_of_all = Actions(clock)
    actions_of_all.once("a" * 32, act)
    clock.now = 100.9
    with pytest.raises(TooSoon):
        actions_of_all.once("b" * 32, act)
    clock.now = 101.1
    actions_of_all.once("b" * 32, act)

    assert done == [100.0, 101.1]


def test_a_form_sent_again_much_later_acts_again() -> None:
    clock = Clock()
    act, done = acting(clock)
    done_once = Actions(clock)

    for clock.now in (100.0, 101.5, 109.0, 111.0):
        done_once.once("a" * 32, act)

    assert done == [100.0, 111.0]
