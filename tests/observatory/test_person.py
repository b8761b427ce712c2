"""A person's test: the page `/` alone answers four questions in each of five states."""

from __future__ import annotations

import html
import os
import re
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from qe_plugins.halt.latch import PERSON, HaltLatch
from qe_plugins.halt.status import Reading, SessionStatus, sessions_dir, this_process, write_status
from qe_plugins.journal.facts import Fact
from qe_plugins.journal.store import Journal
from qe_plugins.wall_clock import now
from tests.journal.facts import STARTED, fact
from tests.observatory.conftest import Client, serving
from tests.observatory.test_strip import BOUGHT, CONTRACT, STOP, facts

LOSS = {"daily_loss": Reading(text="-12.50 of -150 USD")}
JUST_NOW = 3600.0
"""Seconds that a heartbeat lies ahead, so that it stays fresh on a machine that is busy."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a state folder, QE_HOME in this module, with the facts of a session that is long."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("person")
        patch.setenv("QE_HOME", str(folder))
        patch.delenv("QE_JOURNAL_URL", raising=False)
        run: list[Fact] = [fact("run:1", name="mes", mode="paper"), *facts(BOUGHT, STOP)]
        with Journal.open() as journal:
            journal.write_run("long", "mes", STARTED, run)
        yield folder


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[Client]:
    with serving(home) as served:
        served.enter()
        yield served


def session(run_id: str, *, held: int = 0, ahead: float = JUST_NOW) -> None:
    """Write the heartbeat of a session of this process, `ahead` seconds from now."""
    at = now()
    pid, host = this_process()
    write_status(
        SessionStatus(
            run_id=run_id,
            name="mes",
            mode="live",
            pid=pid,
            host=host,
            started=at,
            engine_time=at,
            wall_time=at,
            positions={CONTRACT: Decimal(held)} if held else {},
            readings=LOSS,
        )
    )
    beat = time.time() + ahead
    os.utime(sessions_dir() / f"{run_id}.json", (beat, beat))


def flat() -> None:
    session("flat")


def long_with_a_stop() -> None:
    session("long", held=1)


def halted() -> None:
    session("flat")
    HaltLatch.at_home().set("data stale for 40 s", PERSON)


def silent() -> None:
    session("long", held=1, ahead=-14)


def nothing() -> None:
    """Run no session."""


NEEDS_NOTHING = "Nothing needs you."
DOWN_TO_THE_STOP = "Can be lost: MESZ26: 51.25 USD from entry to stop, before fees and slippage."
NOTHING_TO_LOSE = "Can be lost: no session holds a position: nothing can be lost from here."
HEARTBEAT = "heartbeat as of"


@pytest.mark.parametrize(
    ("state", "answers"),
    [
        (
            flat,
            ("● FLAT live, mes: nothing is held.", NOTHING_TO_LOSE, HEARTBEAT, NEEDS_NOTHING),
        ),
        (
            long_with_a_stop,
            (
                "◆ LONG 1 MESZ26 from 6,500.25, stop 6,490.00",
                DOWN_TO_THE_STOP,
                HEARTBEAT,
                NEEDS_NOTHING,
            ),
        ),
        (
            halted,
            (
                "FLAT live, mes: nothing is held.",
                NOTHING_TO_LOSE,
                "■ HALTED",
                "Do now: look at why; `qe resume` at a terminal ends the halt.",
            ),
        ),
        (
            silent,
            (
                "held when last seen: LONG 1 MESZ26 from 6,500.25, stop 6,490.00",
                DOWN_TO_THE_STOP,
                "▲ NODE SILENT",
                "Do now: look at the node's process; Flatten or `qe flatten` close without it.",
            ),
        ),
        (
            nothing,
            (
                "nothing is traded from here",
                NOTHING_TO_LOSE,
                "○ NO SESSION no node runs on this machine",
                NEEDS_NOTHING,
            ),
        ),
    ],
    ids=["flat", "long with a stop", "halted", "node silent", "no session"],
)
def test_the_first_page_says_what_is_held_what_can_be_lost_what_is_alive_and_what_to_do(
    home: Path,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    state: Callable[[], None],
    answers: tuple[str, str, str, str],
) -> None:
    monkeypatch.setenv("QE_HOME", str(home))
    for file in (*home.glob("sessions/*.json"), *home.glob("halt.json")):
        file.unlink()
    state()
    page = client.get("/").text
    text = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())

    assert [one for one in answers if one not in text] == [], text
    assert (NEEDS_NOTHING in text) == (NEEDS_NOTHING in answers)
