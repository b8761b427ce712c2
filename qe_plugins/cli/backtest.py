"""`qe backtest`: run a configuration, write its run folder and journal, print the figures."""

from __future__ import annotations

import json
from pathlib import Path

import click

from qe_plugins import gc_tuning
from qe_plugins.cli.output import (
    echo,
    file_argument,
    json_option,
    log_option,
    out_option,
    set_option,
)
from qe_plugins.cli.progress import progress, working

FAILURES = 5
"""Maximum number of plugin failures printed after a run; all are in its report."""


@click.command()
@file_argument
@set_option
@json_option
@out_option
@log_option
@gc_tuning.relaxed_gc()
def backtest(
    file: Path,
    overrides: tuple[str, ...],
    as_json: bool,
    out: Path | None,
    level: str | None,
) -> None:
    """Run the backtest in FILE; write a report and the journal."""
    with working("starting"):
        from qe_plugins.config.loader import load
        from qe_plugins.engine.running.backtest import run
        from qe_plugins.journal.activity.report import reported
        from qe_plugins.journal.store import Journal
        from qe_plugins.report import run_folder

        run_folder.check_out(out)
        loaded = load(file, overrides)
    if as_json and str(loaded.config.logging.get("stdout_level") or "OFF").upper() != "OFF":
        message = "stdout_level would write into the JSON document on standard output."
        hint = "Omit --json, or use --log, which writes to standard error."
        raise loaded.error(message, "logging", "stdout_level", hint=hint)
    Journal.check()
    with reported("backtest", f"{loaded.config.name}, {file}") as report:
        with progress(loaded.config.name, "records") as advance:
            outcome = run(loaded, progress=advance, log=level)
        report.run_id, report.href = outcome.run_id, f"/run/{outcome.run_id}"
        with working("writing the report"), Journal.open() as journal:
            run_dir = run_folder.record(outcome, loaded.resolved, journal, out)
    print_run(run_dir, as_json=as_json)


def print_run(run_dir: Path, *, as_json: bool) -> None:
    """Print the figures of a run as JSON; or as tables, with its report and what failed."""
    from qe_plugins.report import run_folder

    figures = run_folder.result(run_dir)
    if as_json:
        click.echo(json.dumps(figures, indent=2, ensure_ascii=False))
        return
    from rich.console import Console

    from qe_plugins.report import terminal
    from qe_plugins.report.figures import formatting

    console = Console()
    console.print(terminal.table(figures))
    if (plugins := terminal.plugins(figures)) is not None:
        console.print(plugins)
    echo(f"report  {run_dir / 'report.html'}")
    if denials := formatting.denials_note(figures):
        echo(denials)
    if failures := formatting.failure_lines(figures):
        echo(f"\n{figures['failures'][0]['traceback']}\n")
        for line in failures[:FAILURES]:
            echo(line)
        echo("All failures are in the report and in `uv run qe journal failures`.")
