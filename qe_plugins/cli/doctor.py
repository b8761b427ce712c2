"""`qe doctor`: look at the machine, the folders, the keys and the gateway, and say what to do."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import click
import msgspec

from qe_plugins import project, state_dir, wall_clock
from qe_plugins.cli.output import echo, json_option, print_json
from qe_plugins.errors import QeError

LEAST_DISK = 2 * 1024**3
"""Bytes: a year of minutes of six roots with its catalog takes about one GiB."""

ENGINE = "nautilus_trader"
PINNED = re.compile(r"nautilus[-_]trader==")
OLDEST = (3, 13)
KEYS = {
    "ANTHROPIC_API_KEY": "models of Anthropic; fleets run offline without it",
    "DEEPSEEK_API_KEY": "models of DeepSeek; fleets run offline without it",
    "DATABENTO_API_KEY": "`qe data get`; generated and imported data need none",
}
FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
"""A clock before this day is wrong: the engine is newer."""


class CheckVerdict(StrEnum):
    """What a check found: in order, to be known, or to be mended before trading."""

    OK = "ok"
    NOTE = "note"
    FAILED = "failed"


class Check(msgspec.Struct, frozen=True):
    """One line of the report; `hint` says what to do where the verdict is not `ok`."""

    name: str
    verdict: CheckVerdict
    text: str
    hint: str = ""


@click.command()
@click.option(
    "--gateway",
    default="127.0.0.1:4002",
    show_default=True,
    metavar="HOST:PORT",
    help="The broker's gateway to look for.",
)
@json_option
def doctor(gateway: str, as_json: bool) -> None:
    """Check Python, disk, permissions, clock, versions, data, keys and gateway.

    Exit code 1 where something has to be mended before the commands work.
    """
    host, _, port = gateway.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise QeError(f"'{gateway}' is not HOST:PORT.", hint="Write it as 127.0.0.1:4002.")
    found = list(checks(host, int(port)))
    if as_json:
        print_json(found)
    else:
        for one in found:
            echo(f"{one.verdict:<7}{one.name:<12}{one.text}")
            if one.hint:
                echo(f"{'':19}{one.hint}")
    if any(one.verdict is CheckVerdict.FAILED for one in found):
        raise SystemExit(1)


def checks(host: str, port: int) -> Iterator[Check]:
    """Yield every check in the order in which one would mend things."""
    yield _python()
    yield _engine()
    yield _clock(wall_clock.now())
    yield _folder(state_dir.state_dir())
    yield _disk(state_dir.state_dir())
    yield _project()
    yield _readable("journal", _journal)
    yield _readable("data", _data)
    for key, use in KEYS.items():
        yield _key(key, use)
    yield _gateway(host, port)


def _python() -> Check:
    text = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        hint = "Run the program with `uv run`, which installs the right one."
        return Check("python", CheckVerdict.FAILED, text, hint)
    return Check("python", CheckVerdict.OK, text)


def _engine() -> Check:
    pinned = next(
        (one.partition("==")[2] for one in requires("quant-engine") or () if PINNED.match(one)), ""
    )
    try:
        found = version(ENGINE)
    except PackageNotFoundError:
        return Check("engine", CheckVerdict.FAILED, f"{ENGINE} is missing", "Run `uv sync`.")
    if found != pinned:
        text = f"{ENGINE} {found}, this program is written for {pinned}"
        return Check("engine", CheckVerdict.FAILED, text, "Run `uv sync`.")
    return Check("engine", CheckVerdict.OK, f"{ENGINE} {found}")


def _clock(now: datetime) -> Check:
    text = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now < FIRST_DAY:
        return Check("clock", CheckVerdict.FAILED, text, "Set it: sessions and orders go by it.")
    return Check("clock", CheckVerdict.OK, text)


def _folder(folder: Path) -> Check:
    try:
        state_dir.check_writable(folder)
    except QeError as error:
        hint = "Give yourself access, or set QE_HOME to another folder."
        return Check("folder", CheckVerdict.FAILED, str(error), hint)
    return Check("folder", CheckVerdict.OK, str(folder))


def _disk(folder: Path) -> Check:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(there).free
    text = f"{free / 1024**3:,.1f} GiB free"
    if free < LEAST_DISK:
        return Check(
            "disk", CheckVerdict.FAILED, text, "`qe runs remove RUN` and `qe data remove` help."
        )
    return Check("disk", CheckVerdict.OK, text)


def _project() -> Check:
    root = project.find_root(Path.cwd())
    if root is None:
        text = "none here: agents and strategies of your own are not found"
        return Check("project", CheckVerdict.NOTE, text, "Change into the project's folder.")
    return Check("project", CheckVerdict.OK, str(root))


def _journal() -> str:
    from qe_plugins.journal.store import Journal

    if not Journal.exists():
        return "none yet: the first run makes it"
    with Journal.open() as journal:
        journal.check_writable()
        return f"{len(journal.runs()):,} closed runs, {len(journal.open_runs())} open"


def _data() -> str:
    folder = state_dir.data_dir()
    files = sum(1 for _ in folder.rglob("*.dbn.zst")) if folder.is_dir() else 0
    return f"{files:,} downloaded files" if files else "none downloaded; the quickstart needs none"


def _readable(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, CheckVerdict.OK, look())
    except QeError as error:
        return Check(name, CheckVerdict.FAILED, str(error), "The message says what to do.")


def _key(name: str, use: str) -> Check:
    if os.environ.get(name) or project.dotenv().get(name):
        return Check("key", CheckVerdict.OK, f"{name} is set")
    return Check("key", CheckVerdict.NOTE, f"{name} is not set", f"It is for {use}.")


def _gateway(host: str, port: int) -> Check:
    place = f"{host}:{port}"
    try:
        with socket.create_connection((host, port), timeout=2.0):
            return Check("gateway", CheckVerdict.OK, f"something listens at {place}")
    except OSError:
        hint = "`qe paper` and `qe live` need one; `qe rehearse` starts a simulated one."
        return Check("gateway", CheckVerdict.NOTE, f"nothing listens at {place}", hint)
