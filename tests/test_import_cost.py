"""Asking for help costs nothing: no command's help imports the engine, a data library or an SDK."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from qe_plugins.cli import COMMANDS, cli
from qe_plugins.cli.summaries import SUMMARIES
from qe_plugins.journal.file_state import IN_TESTS
from qe_plugins.journal.store import Journal

ROOT = Path(__file__).resolve().parent.parent

HEAVY = {
    *("aiohttp", "anthropic", "databento", "databento_dbn", "jinja2", "nautilus_trader"),
    *("numpy", "openai", "pandas", "psycopg", "uvloop"),
    *("pandas_market_calendars", "plotly", "polars", "pyarrow", "requests", "rich", "sqlalchemy"),
    *("nats", "starlette", "temporalio", "ib_async", "ibapi", "uvicorn", "apprise"),
}

LISTED = {
    *("qe_plugins.cli", "qe_plugins.cli.errors", "qe_plugins.cli.summaries", "qe_plugins.errors"),
    *("qe_plugins.project", "qe_plugins.safe_text", "qe_plugins.state_dir"),
    "qe_plugins.stop_signals",
}

PROGRAM = """
import json, sys
from qe_plugins.cli import main
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


HELPED = [
    [],
    *([name] for name in COMMANDS),
    *(["fleet", name] for name in ("scan", "resume", "worker", "bus")),
]

HELP = """
import contextlib, io, json, sys
from qe_plugins.cli import main
imported = {}
for command in json.loads(sys.argv[1]):
    sys.argv = ["qe", *command, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            main()
        except SystemExit as done:
            assert not done.code, (command, done.code)
    assert said.getvalue().startswith("Usage: qe"), command
    imported[" ".join(command)] = sorted(sys.modules)
print(json.dumps(imported))
"""


@pytest.fixture(scope="module")
def after_help() -> dict[str, list[str]]:
    """Return what is imported after the help of each command, one after another in one process."""
    done = subprocess.run(
        [sys.executable, "-c", HELP, json.dumps(HELPED)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("command", HELPED, ids=" ".join)
def test_help_imports_nothing_heavy(after_help, command):
    assert HEAVY & set(after_help[" ".join(command)]) == set()


def test_the_list_of_commands_imports_none_of_them():
    found = {one for one in imported("--help") if one.startswith("qe_plugins.")}

    assert found <= LISTED


def test_the_list_of_commands_has_the_first_sentence_of_each_ones_help():
    context = click.Context(cli)
    own = {name: cli.get_command(context, name).get_short_help_str(500) for name in COMMANDS}

    assert list(SUMMARIES.items()) == list(own.items())


def test_a_scan_in_one_process_needs_no_cluster():
    assert "temporalio" not in imported("fleet", "scan", "configs/fleet/team.yaml")


def test_a_heavy_import_would_be_seen():
    assert "sqlalchemy" in imported("journal", "verify")


def test_a_check_imports_no_database_and_no_page(user):
    """Pandas is imported by Nautilus, whose engine logs its version."""
    paid = imported("check", "configs/backtest/quickstart.yaml", env=user)

    assert paid & {"sqlalchemy", "jinja2", "plotly", "requests", "anthropic"} == set()


def test_a_list_of_runs_imports_no_database(user):
    assert HEAVY & imported("runs", env=user) == {"rich"}


def test_a_live_session_starts_without_the_chart_library_of_the_engines_reports():
    program = (
        "import sys, qe_plugins.engine.broker.run, qe_plugins.engine.supervision.attached\n"
        "sys.exit('plotly' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


@pytest.fixture(scope="module", params=["no journal", "a journal"])
def user(request, tmp_path_factory) -> dict[str, str]:
    """Return the environment of a user, who runs no test, before and after his first run."""
    home = tmp_path_factory.mktemp("home")
    if request.param == "a journal":
        Journal.open(f"sqlite:///{home}/journal.sqlite").close()
    others = {name: value for name, value in os.environ.items() if name not in IN_TESTS}
    return others | {"QE_HOME": str(home)}


def imported(*arguments: str, env: dict[str, str] | None = None) -> set[str]:
    """Return the names of the modules that `qe` with these arguments imports."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))
