"""The options of a cluster, and of commands that run on one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from qe_plugins.cluster.connection import Cluster

QUEUE = "quant-engine"


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a cluster to a command."""
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
            help="The task queue of scans, jobs and workers.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--engine` and the options of a cluster to a command of independent jobs.

    The command is given `cluster`: None for processes of this machine, else one that has answered.
    """

    @click.option(
        "--engine",
        type=click.Choice(["local", "temporal"]),
        default="local",
        show_default=True,
        help="Where jobs run: in processes here, or on the workers of a Temporal cluster.",
    )
    @cluster_options
    @wraps(command)
    def run(
        *arguments: Any,
        engine: str,
        address: str | None,
        namespace: str | None,
        queue: str,
        **others: Any,
    ) -> Any:
        where = reach_cluster(address, namespace, queue) if engine == "temporal" else None
        return command(*arguments, cluster=where, **others)

    return run


def cluster_of(address: str | None, namespace: str | None, queue: str) -> Cluster:
    """Return the cluster of the options."""
    from qe_plugins.cluster.connection import Cluster

    return Cluster(address=address, namespace=namespace, queue=queue)


def reach_cluster(address: str | None, namespace: str | None, queue: str) -> Cluster:
    """Return the cluster of the options, once it has answered. Raises ClusterError."""
    refuse_missing_extra()
    from qe_plugins.cluster.connection import refuse_unreachable

    where = cluster_of(address, namespace, queue)
    refuse_unreachable(where)
    return where


def refuse_missing_extra() -> None:
    """Raise ClusterError where temporalio is not installed."""
    from importlib.util import find_spec

    from qe_plugins.errors import ClusterError

    if find_spec("temporalio") is None:
        raise ClusterError(
            "temporalio is not installed.",
            where="--engine temporal",
            hint="Run `uv sync --extra temporal`, or install quant-engine[temporal].",
        )
