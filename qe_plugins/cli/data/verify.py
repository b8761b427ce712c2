"""`qe data verify`: check all files again, and report by contract."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qe_plugins.cli.output import counted, echo, json_option, print_json, print_rows
from qe_plugins.cli.progress import working

if TYPE_CHECKING:
    from qe_plugins.data.databento.bar_report import ContractReport
    from qe_plugins.data.databento.verify import VerifyReport

MANY = 12


@click.command()
@click.option(
    "--dbn",
    type=click.Path(path_type=Path, exists=True),
    help="A folder or file of Databento data.  [default: everything bought and imported]",
)
@json_option
def verify(dbn: Path | None, as_json: bool) -> None:
    """Check all files again, and report by contract.

    Checked are hash, rows, days, prices and duplicates.

    Exits with 2 if there is a fault. Sessions without a bar are shown and are no fault: a contract
    does not trade every day.
    """
    from qe_plugins.data.databento.manifest import manifest_stores
    from qe_plugins.data.databento.verify import dataset_files, files_in
    from qe_plugins.data.databento.verify import verify as check
    from qe_plugins.errors import DataError

    known = [] if dbn else manifest_stores()
    files = files_in(dbn) if dbn else dataset_files(known)
    if not files:
        raise DataError(
            "nothing was bought or imported yet.", hint="See 'qe data get' and 'qe data import'."
        )
    with working(f"checking {counted(len(files), 'file')}"):
        report = check(files, known)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    if report.wrong:
        raise DataError(f"{_fault_count(report)}, first: {report.wrong[0]}.")


def _print_report(report: VerifyReport) -> None:
    head = ("contract", "schema", "bars", "first", "last", "days", "sessions", "longest gap")
    print_rows(head, [_series_row(one) for one in report.series])
    _print_days(report.series)
    for text in report.notes:
        echo(f"note: {text}")
    for text in report.wrong:
        echo(f"WRONG: {text}")
    verdict = _fault_count(report) if report.wrong else "all is well"
    echo(f"{report.files} files, {report.rows:,} rows: {verdict}")


def _fault_count(report: VerifyReport) -> str:
    return "1 fault" if len(report.wrong) == 1 else f"{len(report.wrong)} faults"


def _series_row(one: ContractReport) -> tuple[object, ...]:
    sessions = (
        "-" if one.sessions is None else f"{one.sessions} of {one.sessions + len(one.missing)}"
    )
    hole = f"{one.hole} min from {one.hole_at:%Y-%m-%d %H:%M}" if one.hole_at else "-"
    return (one.contract, one.schema, one.bars, one.first, one.last, len(one.days), sessions, hole)


def _print_days(series: list[ContractReport]) -> None:
    """Print the days present and the sessions missing of every contract."""
    from qe_plugins.data.checks.session_coverage import spans

    for one in series:
        if one.schema != "ohlcv-1d" and one.sessions is not None:
            echo(f"{one.contract} {one.schema} has {spans(one.days)} (UTC days)")
            if one.missing:
                first = spans(one.missing[:MANY])
                more = f" and {len(one.missing) - MANY} more" if len(one.missing) > MANY else ""
                echo(f"{one.contract} {one.schema} has no bar of {first}{more} (sessions)")
