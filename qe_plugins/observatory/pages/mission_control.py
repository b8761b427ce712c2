"""`/`: one thing now, at most three next, everything else folded away."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from qe_plugins.errors import QeError
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.halt.status import read_sessions
from qe_plugins.journal.activity.records import MissionRow
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.mission import board, desk, rules
from qe_plugins.mission.board import MissionBoard
from qe_plugins.observatory.live.feeds import Feed
from qe_plugins.observatory.live.strip import LATE
from qe_plugins.observatory.pages import Asked, Page, Shown
from qe_plugins.observatory.render import environment
from qe_plugins.observatory.sources import Sources
from qe_plugins.wall_clock import nanoseconds, now

RULES: dict[str, Callable[..., list[MissionRow]]] = {
    "done": rules.done,
    "not_now": rules.not_now,
    "take": rules.take,
}
"""What a person can do with an item, by the name in its form."""


def page(sources: Sources) -> Page:
    """Return the page."""
    templates = environment()
    templates.globals["settings"] = sources.settings
    panels = sources.panels

    def read() -> MissionBoard:
        at = now()
        holding = desk.asked_of_a_person(sources.journal(), at)
        return board.board(sources.activity(), holding, nanoseconds(at))

    def show(asked: Asked) -> Shown:
        values = {"board": read(), "panels": panels.of("mission_control")}
        return Shown(template="mission_control.html", values=values, feeds=("mission",))

    def write(rule: board.Change) -> str:
        at = now()
        holding = desk.asked_of_a_person(sources.journal(), at)
        with ActivityJournal.open() as journal:
            board.change(journal, holding, nanoseconds(at), rule)
        return "/"

    def capture(asked: Asked) -> str:
        title, item = asked.form.get("title", ""), f"person-{asked.form.get('once', '')[:40]}"
        at_ns = nanoseconds(now())

        def rule(rows: Sequence[MissionRow]) -> list[MissionRow]:
            if any(row.item == item for row in rows):  # the form was sent twice
                return []
            return rules.capture(rows, title, at_ns, item)

        return write(rule)

    def change(asked: Asked) -> str:
        name, _, item = asked.form.get("act", "").partition(" ")
        rule = RULES.get(name)
        if rule is None:
            raise QeError("the form names no change.", where="MissionControl", hint="Reload it.")
        return write(partial(_applied, rule, item, nanoseconds(now())))

    followed: list[str] = [""]

    def follow(key: str) -> None:
        """Write what follows from the desk, once a change, while a person looks."""
        if key == followed[0] or sources.settings.read_only or sources.activity() is None:
            return
        followed[0] = key
        at = now()
        holding = desk.asked_of_a_person(sources.journal(), at)
        with ActivityJournal.open() as journal:
            rows = journal.mission()
            if rules.follow(rows, holding, nanoseconds(at)):
                board.change(journal, holding, nanoseconds(at))

    def cursor(_argument: str) -> str:
        halt = HaltLatch.at_home().read()
        states = [(one.status.run_id, one.state, one.age > LATE) for one in read_sessions()[0]]
        said = (sources.version(), halt and (halt.since, halt.reason), states, _minute())
        key = f"{hash(repr(said)) & 0xFFFFFFFFFFFF:x}"
        follow(key)
        return key

    def render(_argument: str, _since: str, _until: str) -> str:
        template = templates.get_template("mission_change.html")
        return template.render(board=read(), strip=sources.strip())

    return Page(
        title="MissionControl",
        path="/",
        key="m",
        order=1,
        views={"/": show},
        forms={"/mission/capture": capture, "/mission/change": change},
        feeds=(Feed(name="mission", cursor=cursor, render=render),),
    )


def _applied(
    rule: Callable[..., list[MissionRow]], item: str, at_ns: int, rows: Sequence[MissionRow]
) -> list[MissionRow]:
    return rule(rows, item, at_ns)


def _minute() -> int:
    """Return a number that changes once a minute: scans have no version to look at."""
    return int(time.monotonic()) // 60
