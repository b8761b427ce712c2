"""The variants of a sweep while they run: a table on a terminal, else lines of text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from qe_plugins.cli.progress import PlainLines, counts

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from qe_plugins.research.sweep_store import SweepSpec
    from qe_plugins.research.variants import Variant, VariantResult

MOST_ROWS = 15
FIGURES = ("net_pnl", "sharpe", "max_drawdown", "trades")


@contextmanager
def sweep_view(spec: SweepSpec) -> Iterator[SweepView]:
    """Show variants and results until the block ends; yield what is called with them."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    if not console.is_terminal:
        yield SweepView(spec, lines=PlainLines(f"sweep {spec.name}", "variants"))
        return
    with Live(console=console, transient=True, refresh_per_second=4) as live:
        view = SweepView(spec, live=live)
        view.draw()
        yield view


class SweepView:
    """The state of a sweep, drawn at each update."""

    def __init__(
        self, spec: SweepSpec, live: Live | None = None, lines: PlainLines | None = None
    ) -> None:
        self._spec, self._live, self._lines = spec, live, lines
        self._rows: dict[int, tuple[Variant, VariantResult | None]] = {}
        self._total = 0

    def expect(self, total: int) -> None:
        """Take the number of variants of the sweep."""
        self._total = total
        self.draw()

    def update(self, variant: Variant, result: VariantResult | None) -> None:
        """Take a variant that starts (None), or its result."""
        self._rows.pop(variant.number, None)
        self._rows[variant.number] = (variant, result)
        self.draw()

    def draw(self) -> None:
        """Show the state as it is now."""
        done = sum(result is not None for _, result in self._rows.values())
        if self._live is not None:
            self._live.update(self._table(counts(done, self._total, "variants")))
        elif self._lines is not None:
            self._lines.advance(done, self._total)

    def _table(self, title: str) -> Table:
        from rich.markup import escape
        from rich.table import Table

        from qe_plugins.research.grid import short

        keys, figures = [axis.key for axis in self._spec.axes], figures_of(self._spec)
        shown = Table(title=title, title_justify="left", box=None)
        for name in ("#", *short(keys), *figures, ""):
            shown.add_column(name.replace("_", " "), no_wrap=True, overflow="ellipsis")
        running = [(one, None) for one, result in self._rows.values() if result is None]
        ended = [(one, result) for one, result in self._rows.values() if result is not None]
        for variant, result in [*ended[-MOST_ROWS:], *running]:
            if result is None:
                settings = [str(variant.settings[key]) for key in keys]
                shown.add_row(str(variant.number), *settings, *[""] * len(figures), "running")
            else:
                shown.add_row(*map(escape, variant_cells(result, keys, figures)))
        return shown


def resuming(command: str, spec: SweepSpec, place: Path, *more: str) -> str:
    """Return the command that resumes a sweep; the sweep keeps its grid and choice itself.

    A sweep in a folder of the user's own (`--out`) is named by that, as its id is not found.
    """
    words = ["qe", command, spec.config, *more]
    for one in spec.overrides:
        words += ["--set", one]
    named = spec.sweep if place.name == spec.sweep else str(place)
    return shlex.join([*words, "--resume", named])


def figures_of(spec: SweepSpec) -> tuple[str, ...]:
    """Return the figures of a sweep's tables, its objective first."""
    return tuple(dict.fromkeys((spec.objective, *FIGURES)))


def variant_cells(result: VariantResult, keys: list[str], shown: Sequence[str]) -> list[str]:
    """Return a row of a sweep's table: number, settings, figures, and the error or state."""
    from qe_plugins.report.figures import formatting

    figures = result.figures
    return [
        str(result.variant.number),
        *(str(result.variant.settings[key]) for key in keys),
        *(
            formatting.format_value(name, figures[name]) if figures else formatting.UNKNOWN
            for name in shown
        ),
        result.error or ("" if figures else str(result.state)),
    ]
