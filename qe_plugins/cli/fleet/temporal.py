"""`qe fleet worker`, and what `--engine temporal` needs: a cluster, and the extra for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
import msgspec

from qe_plugins.cli.output import echo

if TYPE_CHECKING:
    from rich.console import RenderableType

    from qe_plugins.fleet.scan.lifecycle import Scan
    from qe_plugins.fleet.scan.outcome import ScanResult
    from qe_plugins.fleet.temporal.connection import Cluster
    from qe_plugins.fleet.temporal.payloads import RankCount
    from qe_plugins.fleet.temporal.progress import Look
    from qe_plugins.fleet.tree import Level

QUEUE = "quant-engine"


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say which cluster is meant."""
    options = (
        click.option(
            "--address",
            "--temporal-address",
            "address",
            metavar="HOST:PORT",
            help="The Temporal server.  [default: TEMPORAL_ADDRESS, or 127.0.0.1:7233]",
        ),
        click.option(
            "--namespace",
            metavar="NAME",
            help="The namespace on it.  [default: TEMPORAL_NAMESPACE, or default]",
        ),
        click.option(
            "--queue",
            default=QUEUE,
            show_default=True,
            metavar="NAME",
            help="The task queue that scans and workers meet at.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@cluster_options
def worker(address: str | None, namespace: str | None, queue: str) -> None:
    """Join a Temporal cluster, and work on its scans until interrupted.

    It needs the QE_HOME of the scans: their folders and the ledger.
    """
    refuse_missing_extra()
    from qe_plugins.fleet.temporal.worker import work

    work(cluster(address, namespace, queue), click.echo)


def cluster(address: str | None, namespace: str | None, queue: str) -> Cluster:
    """Return which cluster the options mean."""
    from qe_plugins.fleet.temporal.connection import Cluster

    return Cluster(address=address, namespace=namespace, queue=queue)


def refuse_missing_extra() -> None:
    """Raise FleetError where temporalio is not installed."""
    from importlib.util import find_spec

    from qe_plugins.errors import FleetError

    if find_spec("temporalio") is None:
        raise FleetError(
            "temporalio is not installed.",
            where="--engine temporal",
            hint="Run `uv sync --extra temporal`, or install quant-engine[temporal].",
        )


def run(begun: Scan, where: Cluster) -> ScanResult:
    """Run a scan on a cluster; standard error tells what stands in its way and how far it is."""
    from qe_plugins.fleet.temporal import submit

    def say(text: str) -> None:
        echo(text, err=True)

    with looking(begun) as look:
        return submit.run(begun, where, say=say, look=look)


@contextmanager
def looking(begun: Scan) -> Iterator[Look | None]:
    """Yield what shows a scan's ranks on a terminal; nothing where standard error is none."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    with Live(console=console, transient=True, auto_refresh=False) as live:
        began = time.monotonic()

        def look(counts: Mapping[Level, RankCount]) -> None:
            live.update(picture(begun, counts, time.monotonic() - began), refresh=True)

        yield look


def picture(begun: Scan, counts: Mapping[Level, RankCount], seconds: float) -> RenderableType:
    """Return the state of a scan: what it spent, over a table of ranks."""
    from qe_plugins.cli.fleet.live import board
    from qe_plugins.fleet.scan.progress import RankCounts
    from qe_plugins.fleet.tree import tree_of
    from qe_plugins.llm.ledger import Ledger

    with Ledger() as ledger:
        sent = ledger.sent(begun.scan_id)
    line = f"{seconds:.0f} s · {sent.calls:,} calls · ${sent.usd:.4f} spent"
    ranks = {
        level: RankCounts(total, *msgspec.structs.astuple(counts[level]))
        for level, total in tree_of(begun.fleet).counts().items()
    }
    return board(line, ranks, seconds)
