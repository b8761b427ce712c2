"""What commands share: their options, and listings as aligned columns or one JSON document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import msgspec

from qe_plugins.cli import completed_names
from qe_plugins.safe_text import json_shown, shown, with_uv

file_argument = click.argument(
    "file", type=click.Path(path_type=Path), shell_complete=completed_names.files
)
out_option = click.option(
    "--out", type=click.Path(path_type=Path), help="The run's folder.  [default: QE_HOME/runs/...]"
)
log_option = click.option(
    "--log",
    "level",
    type=click.Choice(("TRACE", "DEBUG", "INFO", "WARNING", "ERROR"), case_sensitive=False),
    help="Print log messages of strategies and plugins from this level on. All are in run.log.",
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=completed_names.settings,
    help="Override a value of the file, such as rung.risk=25. Repeatable.",
)


class DateParam(click.ParamType[date]):
    """A date on the command line, `2024-11-29`."""

    name = "date"

    def convert(self, value: Any, param: Any, ctx: Any) -> date:
        """Return the date. Raises a usage error in one line for any other text."""
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"'{value}' is not a date. Write it as 2024-11-29.", param, ctx)


class MomentParam(click.ParamType[datetime]):
    """A moment on the command line, `2013-10-25T14:30`, UTC where it names no zone."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """Return the moment. Raises a usage error in one line for any other text."""
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"'{value}' is not a time. Write it as 2013-10-25T14:30.", param, ctx)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


def echo(text: str = "", *, nl: bool = True, err: bool = False) -> None:
    """Print text with control characters escaped, so that outside text is safe to show."""
    click.echo(with_uv(shown(text, lines=True)), nl=nl, err=err)


def json_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option `--json` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def print_json(document: object) -> None:
    """Print a JSON document; decimals are numbers with all their digits."""
    encoder = msgspec.json.Encoder(decimal_format="number")
    click.echo(json_shown(msgspec.json.format(encoder.encode(document)).decode()))


def print_rows(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print columns with headings: numbers right-aligned, the rest left-aligned."""
    cells = [list(head), *([_cell_text(value) for value in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    right = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(head))]
    for row in cells:
        parts = (
            text.rjust(width) if figure else text.ljust(width)
            for text, width, figure in zip(row, widths, right, strict=True)
        )
        click.echo("  ".join(parts).rstrip())


def _cell_text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return shown(str(value))


def _is_number(value: object) -> bool:
    return value is None or type(value).__name__ in ("int", "float", "Decimal")


def dollars(amount: Decimal) -> str:
    """Return an amount as `$0.0123`, rounded for display."""
    return f"${amount:,.4f}"


def counted(count: int, what: str) -> str:
    """Return `1 call` or `2 calls`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
