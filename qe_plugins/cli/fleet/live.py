"""Live display of a running scan on standard error, by rank, four times a second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from qe_plugins.cli.output import dollars
from qe_plugins.safe_text import shown

if TYPE_CHECKING:
    from rich.console import RenderableType

    from qe_plugins.fleet.scan.runner import RankCounts, ScanRunner
    from qe_plugins.fleet.tree import Level
    from qe_plugins.llm.client.client import Client

REFRESH = 0.25
"""Seconds between two updates."""


async def watch(runner: ScanRunner, client: Client) -> None:
    """Show a scan until it is cancelled; show nothing where standard error is no terminal."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    if not console.is_terminal:
        return
    with Live(console=console, transient=True, auto_refresh=False) as live:
        while True:
            live.update(picture(runner, client), refresh=True)
            await asyncio.sleep(REFRESH)


def picture(runner: ScanRunner, client: Client) -> RenderableType:
    """Return the state of a scan: a line of figures above a table of ranks."""
    line = " · ".join(_scan_figures(runner, client))
    return rank_table(line, runner.progress.ranks, runner.seconds())


def rank_table(line: str, ranks: Mapping[Level, RankCounts], seconds: float) -> RenderableType:
    """Return a line of figures above a table of ranks, `seconds` into a scan."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for name in ("rank", "of", "at work", "done", "failed", "left"):
        table.add_column(name, justify="left" if name == "rank" else "right")
    for level, counts in ranks.items():
        eta = counts.eta(seconds)
        figures = (counts.total, counts.open, counts.done, counts.failed)
        left = "-" if eta is None else f"{eta:.0f} s"
        table.add_row(level.value, *(f"{figure:,}" for figure in figures), left)
    return Group(Text(shown(line)), table)


def _scan_figures(runner: ScanRunner, client: Client) -> Iterator[str]:
    stats = client.stats
    hits = stats.replayed / stats.asked if stats.asked else 0.0
    cached = stats.usage.cached / stats.usage.input if stats.usage.input else 0.0
    eta = runner.progress.eta()
    yield f"{runner.seconds():.0f} s" + ("" if eta is None else f", about {eta:.0f} s left")
    yield f"{stats.in_flight:,} in flight"
    yield f"{dollars(stats.usd)} spent"
    yield f"{dollars(stats.reserved)} reserved"
    yield f"{stats.answered:,} answered"
    yield f"{stats.failed:,} failed"
    yield f"{hits:.0%} from the ledger"
    yield f"{cached:.0%} of prompts cached"
