"""`qe worker`: a process of a cluster, for scans of fleets and for jobs of research."""

from __future__ import annotations

import click

from qe_plugins.cli.cluster.options import cluster_of, cluster_options, refuse_missing_extra

JOBS = (
    "qe_plugins.features.store_jobs:compute_file",
    "qe_plugins.report.sweep_job:measure",
    "qe_plugins.report.sweep_job:measure_sessions",
)
"""The functions that a job may name."""


@click.command()
@cluster_options
@click.option(
    "--jobs",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help="Jobs at once, a process each.  [default: one per processor]",
)
def worker(address: str | None, namespace: str | None, queue: str, jobs: int | None) -> None:
    """Join a Temporal cluster, and run its scans and jobs until interrupted.

    Scans need their QE_HOME: folders and ledger. Jobs need the same code, and data that can be
    reached from here: generated, at the same path, or at an s3:// URL.
    """
    import os

    refuse_missing_extra()
    from qe_plugins.cluster.job_activity import job_work
    from qe_plugins.cluster.worker import work
    from qe_plugins.fleet.scan.lifecycle import run_on_uvloop
    from qe_plugins.fleet.temporal.worker import scan_work

    at_once = jobs or os.cpu_count() or 1
    queues = (scan_work(queue, click.echo), job_work(queue, JOBS, at_once, click.echo))
    run_on_uvloop(work(cluster_of(address, namespace, queue), click.echo, queues))
