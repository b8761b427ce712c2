"""A run is named in the same ways everywhere: by place, id, prefix or name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from qe_plugins.cli import cli
from qe_plugins.errors import JournalError, ReportError
from qe_plugins.journal.lookup import resolve_prefix, resolve_run
from qe_plugins.journal.store import Journal
from tests.command import ROOT

NAMES = {"20240103-b": "second", "20240102-c": "first", "20240101-a": "first"}
"""Runs by id, newest first."""


def resolved(text: str) -> str:
    return resolve_run(text, sorted(NAMES), lambda: NAMES, hint="`qe runs` lists them.")


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("last", "20240103-b"),
        ("last~0", "20240103-b"),
        ("previous", "20240102-c"),
        ("last~2", "20240101-a"),
        ("20240101-a", "20240101-a"),
        ("20240102", "20240102-c"),
        ("first", "20240102-c"),
    ],
)
def test_a_run_has_a_place_an_id_a_prefix_and_a_name(text: str, run: str) -> None:
    assert resolved(text) == run


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("last~3", r"there are only 3 runs\. `qe runs` lists them\."),
        ("2024", "'2024' is the start of 3 runs: 20240101-a, 20240102-c, 20240103-b"),
        ("third", r"no run 'third'\. `qe runs` lists them\."),
        ("", "no run ''"),
    ],
)
def test_what_names_no_run_or_several_is_one_error(text: str, says: str) -> None:
    with pytest.raises(JournalError, match=says):
        resolved(text)


def test_no_text_names_nothing_even_where_there_is_only_one() -> None:
    with pytest.raises(JournalError, match="no strategy ''"):
        resolve_prefix("", ["mes-trend"], what="strategy")


def test_without_a_run_the_error_says_how_to_make_one() -> None:
    with pytest.raises(ReportError, match=r"there is no test yet\. Start one"):
        resolve_run("last", (), dict, what="test", start="Start one", error=ReportError)


def test_the_journal_counts_back_from_the_newest_run_open_ones_too() -> None:
    start = datetime.now(UTC)
    with Journal.open() as journal:
        journal.write_run("a", "first", start, [])
        journal.write_run("b", "first", start + timedelta(seconds=1), [])
        journal.open_run("c", "night", start + timedelta(seconds=2))
        found = [journal.resolve(text) for text in ("last", "last~1", "last~2", "first", "night")]
    assert found == ["c", "b", "a", "b", "c"]


ASKED_BY = {
    "qe_plugins.cli.features.parity": "find_session",
    "qe_plugins.cli.fleet.review": "facts_of",
    "qe_plugins.fleet.roles.desk_state": "resolve_run",
    "qe_plugins.cli.journal": "opened.resolve",
    "qe_plugins.cli.live.parity": "find_session",
    "qe_plugins.cli.research.factor_books": "result_store.find",
    "qe_plugins.cli.research.factors": "result_store.find",
    "qe_plugins.cli.runs": "run_index.find",
    "qe_plugins.journal.store": "resolve_run",
    "qe_plugins.report.run_index": "resolve_run",
    "qe_plugins.research.parity.recorded_session": "resolve_run",
    "qe_plugins.research.result_folders": "resolve_run",
    "qe_plugins.engine.live.session_journal": "resolve_run",
}
"""What each module that is given a run asks for it: all ask one function in the end."""


AT_WORK = {f"qe_plugins.cli.fleet.{name}" for name in ("guard", "hunt", "report", "validate")}
"""Modules whose commands have the option of `cli/fleet/at_work.py`."""


def test_every_command_that_takes_a_run_asks_one_function() -> None:
    taking = {
        command.callback.__module__
        for command in _commands(cli)
        if command.callback and {"run", "first"} & {one.name for one in command.params}
    }
    assert taking - AT_WORK <= set(ASKED_BY)


@pytest.mark.parametrize("module", ASKED_BY)
def test_a_module_that_is_given_a_run_asks_for_it(module: str) -> None:
    file = ROOT / Path(*module.split(".")).with_suffix(".py")
    calls = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    assert ASKED_BY[module] in {ast.unparse(n.func) for n in calls if isinstance(n, ast.Call)}


def _commands(group: click.Group) -> Iterator[click.Command]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command)
        yield command
