"""The display of a scan with `--engine temporal`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from qe_plugins.cli.output import echo

if TYPE_CHECKING:
    from rich.console import RenderableType

    from qe_plugins.cluster.connection import Cluster
    from qe_plugins.fleet.scan.lifecycle import Scan
    from qe_plugins.fleet.scan.outcome import ScanResult
    from qe_plugins.fleet.temporal.payloads import RankCount
    from qe_plugins.fleet.temporal.progress import OnProgress
    from qe_plugins.fleet.tree import Level


def run(begun: Scan, where: Cluster) -> ScanResult:
    """Run a scan on a cluster; notices and progress go to standard error."""
    from qe_plugins.fleet.temporal import submit

    def say(text: str) -> None:
        echo(text, err=True)

    with progress_display(begun) as on_progress:
        return submit.run(begun, where, say=say, on_progress=on_progress)


@contextmanager
def progress_display(begun: Scan) -> Iterator[OnProgress | None]:
    """Yield a function that shows a scan's counts; None where standard error is no terminal."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    with Live(console=console, transient=True, auto_refresh=False) as live:
        began = time.monotonic()

        def show_counts(counts: Mapping[Level, RankCount]) -> None:
            live.update(picture(begun, counts, time.monotonic() - began), refresh=True)

        yield show_counts


def picture(begun: Scan, counts: Mapping[Level, RankCount], seconds: float) -> RenderableType:
    """Return the state of a scan: calls and cost above a table of ranks."""
    from qe_plugins.cli.fleet.live import rank_table
    from qe_plugins.fleet.scan.runner import RankCounts
    from qe_plugins.fleet.tree import tree_of
    from qe_plugins.llm.ledger import Ledger

    with Ledger() as ledger:
        sent = ledger.sent(begun.scan_id)
    line = f"{seconds:.0f} s · {sent.calls:,} calls · ${sent.usd:.4f} spent"
    ranks = {
        level: RankCounts(total, *msgspec.structs.astuple(counts[level]))
        for level, total in tree_of(begun.fleet).counts().items()
    }
    return rank_table(line, ranks, seconds)
