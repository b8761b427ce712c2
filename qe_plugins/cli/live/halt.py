"""`qe halt` and `qe resume`: stop new risk and model calls, and allow them again."""

from __future__ import annotations

import getpass
import sys
from typing import Literal

import click

from qe_plugins.cli.output import echo
from qe_plugins.errors import QeError


@click.command()
@click.argument("reason", nargs=-1, required=True)
def halt(reason: tuple[str, ...]) -> None:
    """Halt: no order adds risk and no model is called, until `qe resume`.

    Works while sessions run, while the journal is locked or down, and across restarts. Orders that
    only reduce a position pass. REASON is kept; a second halt adds its reason to the first.
    """
    from qe_plugins.halt.facts import halt_body, record_run
    from qe_plugins.halt.latch import PERSON, HaltLatch
    from qe_plugins.journal.facts import FactKind

    text = _required(reason)
    set_by = login()
    in_force = HaltLatch.at_home().set(text, PERSON, by=set_by)
    echo(in_force.line)
    sys.stdout.flush()
    newest = in_force.later[-1] if in_force.later else in_force
    _warn(record_run(FactKind.HALT, PERSON, halt_body(newest)), "The halt is in force.")
    _report("halt", text, set_by)


@click.command()
@click.argument("reason", nargs=-1, required=True)
def resume(reason: tuple[str, ...]) -> None:
    """End the halt. Only a person at a terminal can; REASON and login name are recorded."""
    from qe_plugins.halt.facts import record_run, resume_body
    from qe_plugins.halt.latch import PERSON, HaltLatch
    from qe_plugins.journal.facts import FactKind

    text = _required(reason)
    if not sys.stdin.isatty():
        raise QeError(
            "a halt is ended by a person at a terminal, and standard input is none.",
            where="resume",
            hint="Run `qe resume REASON` in a terminal.",
        )
    by = login()
    ended = HaltLatch.at_home().clear(text, by=by)
    if ended is None:
        echo("not halted")
        return
    echo(f"resumed by {by}: {text}")
    echo(f"was {ended.line}")
    sys.stdout.flush()
    body = resume_body(text, by, ended)
    _warn(record_run(FactKind.RESUME, PERSON, body), "The halt has ended.")
    _report("resume", text, by)


def _required(words: tuple[str, ...]) -> str:
    """Return the words as one reason. Raises QeError where there is none."""
    text = " ".join(" ".join(words).split())
    if not text:
        raise QeError("the reason is empty.", hint="Say why, in a few words.")
    return text


def login() -> str:
    """Return the login name of the person, for the journal."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown user"


def _report(command: Literal["halt", "resume"], text: str, by: str) -> None:
    from qe_plugins.journal.activity.records import ActivityKind, PipelineEntry, Severity
    from qe_plugins.journal.activity.report import record

    kind = ActivityKind(command)
    severity = Severity.ALARM if kind is ActivityKind.HALT else Severity.WARNING
    record(PipelineEntry(process=command, kind=kind, text=text, severity=severity, actor=by))


def _warn(why: str | None, state: str) -> None:
    if why is not None:
        echo(f"warning: not in the journal: {why} {state}", err=True)
