"""Progress of a command on standard error: a bar on a terminal, else a line every ten seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from qe_plugins import stop_signals
from qe_plugins.cli.output import echo

EVERY = 10.0
"""Seconds between two lines where standard error is not a terminal."""

type Advance = Callable[[int, int], None]
"""Called with the number of units done and their total, 0 while that is unknown."""


@contextmanager
def progress(doing: str, unit: str) -> Iterator[Advance]:
    """Show progress until the block ends; yield the function to call with it.

    `doing` is shown at once: `reading bars`. `unit` is plural: `months`.
    """
    from rich import progress as rich
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield PlainLines(doing, unit).advance
        return
    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.TextColumn("{task.fields[shown]}"),
        rich.TimeElapsedColumn(),
        rich.TimeRemainingColumn(),
    )
    with (
        stop_signals.undone_by(console.show_cursor),
        rich.Progress(*columns, console=console, transient=True) as bars,
    ):
        task = bars.add_task(doing, total=None, shown="")

        def advance(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total or None, shown=counts(done, total, unit))

        yield advance


@contextmanager
def working(doing: str) -> Iterator[None]:
    """Show on a terminal that something without countable units goes on, and for how long."""
    from rich import progress as rich
    from rich.console import Console

    console = Console(stderr=True)
    columns = (
        rich.SpinnerColumn(),
        rich.TextColumn("{task.description}"),
        rich.TimeElapsedColumn(),
    )
    with (
        stop_signals.undone_by(console.show_cursor),
        rich.Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        ) as bars,
    ):
        bars.add_task(doing, total=None)
        yield


class PlainLines:
    """Progress as lines of text: one at the first call, then at most one every ten seconds."""

    def __init__(self, doing: str, unit: str) -> None:
        self._doing, self._unit = doing, unit
        self._began, self._said = monotonic(), -EVERY

    def advance(self, done: int, total: int) -> None:
        """Print the progress, unless a line was printed in the last ten seconds, or all is done."""
        now = monotonic()
        if now - self._said < EVERY or (total and done >= total):
            return
        self._said = now
        spent = now - self._began
        left = f", about {spent / done * (total - done):,.0f} s left" if done and total else ""
        echo(f"{self._doing}: {counts(done, total, self._unit)}, {spent:,.0f} s{left}", err=True)


def counts(done: int, total: int, unit: str) -> str:
    """Return `3 of 24 variants`, or `3 variants` while the total is unknown."""
    return f"{done:,} of {total:,} {unit}" if total else f"{done:,} {unit}"
