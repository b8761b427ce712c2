"""`qe data estimate|get`: what a download request costs, and the download."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qe_plugins.cli.data.catalog import print_built
from qe_plugins.cli.output import echo, json_option, print_json, print_rows

if TYPE_CHECKING:
    from rich.console import Console

    from qe_plugins.data.databento.download import DownloadProgress
    from qe_plugins.data.databento.estimate import Estimate


@contextmanager
def asking() -> Iterator[Callable[[int], Callable[[], None]]]:
    """Show the number of files quoted so far, on a terminal's standard error."""
    from rich import progress as rich

    columns = (rich.TextColumn("asking for prices"), rich.BarColumn(), rich.MofNCompleteColumn())
    screen = _error_console()
    hidden = not screen.is_terminal
    with rich.Progress(*columns, console=screen, transient=True, disable=hidden) as progress:

        def started(total: int) -> Callable[[], None]:
            task = progress.add_task("", total=total)
            return lambda: progress.advance(task)

        yield started


@contextmanager
def downloading(estimated: Estimate) -> Iterator[Callable[[DownloadProgress], None]]:
    """Show finished files and billable bytes, and bytes received on the disk."""
    from rich import progress as rich
    from rich.filesize import decimal

    total = sum(quote.bytes for quote in estimated.wanted.values())
    columns = (
        rich.TextColumn("{task.description:>5}"),
        rich.BarColumn(),
        rich.TextColumn("{task.fields[shown]}"),
        rich.TimeElapsedColumn(),
    )
    with rich.Progress(
        *columns, console=_error_console(), disable=not estimated.wanted
    ) as progress:
        files = progress.add_task("files", total=len(estimated.wanted), shown="")
        bytes_ = progress.add_task("bytes", total=total, shown="")

        def watch(now: DownloadProgress) -> None:
            shown = f"{now.files} of {len(estimated.wanted)}"
            progress.update(files, completed=now.files, shown=shown)
            shown = f"{decimal(now.bytes)} of {decimal(total)}, {decimal(now.received)} compressed"
            progress.update(bytes_, completed=now.bytes, shown=shown)

        yield watch


def _error_console() -> Console:
    from rich.console import Console

    return Console(stderr=True)


if TYPE_CHECKING:
    from qe_plugins.data.databento.estimate import Estimate, EstimateLine
    from qe_plugins.data.databento.service import DownloadResult

CONFIG = click.argument("config", type=click.Path(path_type=Path))
HEAD = ("root", "schema", "year", "files", "rows", "bytes", "dollars")


class DollarParam(click.ParamType[Decimal]):
    """A dollar amount on the command line: `80`, `80.50`, `$80`, `80 USD`."""

    name = "dollars"

    def convert(self, value: Any, param: Any, ctx: Any) -> Decimal:
        """Return the amount; fails with a usage error for other text."""
        from qe_plugins.units import parse_money

        try:
            amount = parse_money(str(value).strip().removeprefix("$"), "USD")
        except ValueError:
            amount = Decimal(-1)
        if amount < 0:
            self.fail(f"'{value}' is no amount. Write it as 80 or 80.50.", param, ctx)
        return amount


@click.command()
@CONFIG
@json_option
def estimate(config: Path, as_json: bool) -> None:
    """Show what the download request in CONFIG costs.

    The estimate is by root, schema and year, and free.
    """
    from qe_plugins.data.databento import service

    with asking() as started:
        estimated = service.estimate_request(config, started)
    if as_json:
        print_json(service.estimate_document(estimated))
    else:
        _print_estimate(estimated)


@click.command()
@CONFIG
@click.option(
    "--max-cost", type=DollarParam(), help="The most this run may spend, retries included."
)
@json_option
def get(config: Path, max_cost: Decimal | None, as_json: bool) -> None:
    """Buy the files of CONFIG that are missing.

    An interrupted run is resumed. Without --max-cost it asks for confirmation, and fails without a
    terminal. After Ctrl-C it finishes the files in transfer: they are paid for.
    """
    from qe_plugins.data.databento import service
    from qe_plugins.data.databento.budget import usd
    from qe_plugins.journal.activity.report import reported

    with service.open_session(config) as session:
        with asking() as started:
            estimated = session.estimate(started)
        if not as_json:
            _print_estimate(estimated)
        limit = service.spending_limit(estimated, max_cost, _confirm if _is_terminal() else None)
        with reported("data get", str(config)) as report, downloading(estimated) as watch:
            bought = session.download(estimated, limit, watch)
            report.outcome = f"{bought.files} files, {usd(bought.dollars)}"
    if as_json:
        print_json(bought)
    else:
        _print_result(bought)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _confirm(question: str) -> bool:
    return click.confirm(question, err=True)


def _print_estimate(estimated: Estimate) -> None:
    from qe_plugins.data.databento.estimate import lines

    rows = lines(estimated.wanted)
    shown: list[tuple[object, ...]] = []
    for root in dict.fromkeys(one.root for one in rows):
        mine = [one for one in rows if one.root == root]
        shown += [(one.root, one.schema, str(one.year), *_total_cells([one])) for one in mine]
        shown.append((root, "all", "", *_total_cells(mine)))
    if rows:
        print_rows(HEAD, [*shown, ("total", "", "", *_total_cells(rows))])
    if estimated.held:
        echo(f"{len(estimated.held)} files are here already and cost nothing more.")
    if not rows:
        echo("Nothing is left to buy.")
    _print_doubts(estimated)


def _total_cells(rows: list[EstimateLine]) -> tuple[object, ...]:
    from qe_plugins.data.databento.budget import usd

    return (
        sum(one.files for one in rows),
        sum(one.rows for one in rows),
        sum(one.bytes for one in rows),
        usd(sum((one.dollars for one in rows), Decimal(0))),
    )


def _print_doubts(estimated: Estimate) -> None:
    for text in estimated.unresolved:
        echo(f"not resolved: {text}.")
    kinds: dict[str, list[str]] = {}
    for day, condition in sorted(estimated.conditions.items()):
        kinds.setdefault(condition, []).append(day.isoformat())
    for condition, days in sorted(kinds.items()):
        count = f"{len(days)} day{'s' if len(days) > 1 else ''}"
        echo(f"{condition} ({count}): {', '.join(days)}")


def _print_result(bought: DownloadResult) -> None:
    from qe_plugins.data.databento.budget import usd

    echo(
        f"{bought.files} files bought for {usd(bought.dollars)}, {bought.held} were here: "
        f"{bought.rows:,} rows in {bought.folder}"
    )
    for retry in bought.retries:
        echo(f"billed again after a cut: {retry}")
    if bought.files or bought.catalog:
        print_built([bought.catalog] if bought.catalog else [])
