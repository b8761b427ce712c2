"""Progress bars of a purchase, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from qe_plugins.data.databento.buying import Progress
    from qe_plugins.data.databento.cart import Cart


@contextmanager
def asking() -> Iterator[Callable[[int], Callable[[], None]]]:
    """Show how many files were asked for, on a terminal's standard error."""
    from rich import progress as rich

    columns = (rich.TextColumn("asking for prices"), rich.BarColumn(), rich.MofNCompleteColumn())
    screen = _console()
    hidden = not screen.is_terminal
    with rich.Progress(*columns, console=screen, transient=True, disable=hidden) as progress:

        def started(total: int) -> Callable[[], None]:
            task = progress.add_task("", total=total)
            return lambda: progress.advance(task)

        yield started


@contextmanager
def downloading(cart: Cart) -> Iterator[Callable[[Progress], None]]:
    """Show files and billable bytes as they become whole, and what has arrived on the disk."""
    from rich import progress as rich
    from rich.filesize import decimal

    total = sum(quote.bytes for quote in cart.wanted.values())
    columns = (
        rich.TextColumn("{task.description:>5}"),
        rich.BarColumn(),
        rich.TextColumn("{task.fields[shown]}"),
        rich.TimeElapsedColumn(),
    )
    with rich.Progress(*columns, console=_console(), disable=not cart.wanted) as progress:
        files = progress.add_task("files", total=len(cart.wanted), shown="")
        bytes_ = progress.add_task("bytes", total=total, shown="")

        def watch(now: Progress) -> None:
            shown = f"{now.files} of {len(cart.wanted)}"
            progress.update(files, completed=now.files, shown=shown)
            shown = f"{decimal(now.bytes)} of {decimal(total)}, {decimal(now.received)} compressed"
            progress.update(bytes_, completed=now.bytes, shown=shown)

        yield watch


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True)
