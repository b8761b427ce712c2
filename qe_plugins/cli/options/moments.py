"""What the commands of chains share: a moment, and the options that name a chain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import click

from qe_plugins.cli.output import DateParam, MomentParam


def chain_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the arguments and options by which commands name a chain."""
    for decorate in (
        click.option("--no-parity", is_flag=True, help="Do not refuse a chain that breaks parity."),
        click.option("--rate", type=float, help="Annual rate, such as 0.0155.  [default: by date]"),
        click.option("--expiry", type=DateParam(), metavar="DAY", help="One day's expiry alone."),
        click.argument("moment", type=MomentParam()),
        click.argument("root"),
    ):
        command = decorate(command)
    return command


def nanoseconds(moment: datetime) -> int:
    """Return a moment as UTC nanoseconds."""
    return int(moment.timestamp()) * 10**9


def shown_moment(at: int) -> str:
    """Return UTC nanoseconds as `2020-01-06 15:00 UTC`."""
    return f"{datetime.fromtimestamp(at // 10**9, UTC):%Y-%m-%d %H:%M} UTC"
