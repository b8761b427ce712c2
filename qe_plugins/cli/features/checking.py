"""`qe features check`: the five invariances on bars."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from qe_plugins.cli.features.bars import data_option, named, tape_of
from qe_plugins.cli.output import counted, echo, json_option, print_json
from qe_plugins.cli.progress import working


@click.command()
@click.argument("names", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Check all 1,291 features.")
@data_option
@click.option(
    "--streamed",
    type=click.IntRange(1),
    default=300,
    show_default=True,
    help="How many minutes at the end of the data are fed bar by bar.",
)
@json_option
def check(
    names: tuple[str, ...], every: bool, data: Path | None, streamed: int, as_json: bool
) -> None:
    """Check NAMES for look-ahead, dependence on the start, and bits that differ.

    A name is a feature, a pattern such as `1m.*`, or a registered family. Each feature that breaks
    an invariance is one line with the bar; the exit code is then 1, and `qe factors test` leaves
    the feature out until it passes.
    """
    from qe_plugins.features.checks import record
    from qe_plugins.features.checks.invariances import check as run_check
    from qe_plugins.features.families import registered_families
    from qe_plugins.features.series import moment

    families = registered_families()
    wanted = named(names, every, families)
    with working("reading bars"):
        tape = tape_of(data)
    with working(f"checking {counted(len(wanted), 'feature')}"):
        findings = run_check(wanted, tape, families, streamed=streamed)
    record.note(wanted, findings)
    bars = sum(len(one) for one in tape.bars.values())
    if as_json:
        print_json({"features": len(wanted), "bars": bars, "findings": findings})
    else:
        for one in findings:
            echo(
                f"{one.feature}: {one.invariance} broken at {counted(one.bars, 'bar')}, first"
                f" {moment(one.ts)}: {one.expected:g} became {one.found:g}"
            )
        verdict = counted(len(findings), "finding") if findings else "all is well"
        echo(f"{counted(len(wanted), 'feature')} on {counted(bars, 'bar')}: {verdict}")
    if findings:
        sys.exit(1)
