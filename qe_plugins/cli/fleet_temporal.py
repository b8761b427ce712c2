"""`qe fleet worker`, and what `--engine temporal` needs: a cluster, and the extra for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from qe_plugins.fleet.outcome import Result
    from qe_plugins.fleet.scanning import Scan
    from qe_plugins.fleet.temporal.connecting import Cluster

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
    from qe_plugins.fleet.temporal.connecting import Cluster

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


def run(begun: Scan, where: Cluster) -> Result:
    """Run a scan on a cluster, saying on standard error what stands in its way."""
    from qe_plugins.fleet.temporal import engine

    return engine.run(begun, where, say=lambda text: click.echo(text, err=True))
