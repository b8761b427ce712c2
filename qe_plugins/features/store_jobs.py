"""Files of a store computed on a cluster: a job each, which reads the market data itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from qe_plugins.bars import Bars
from qe_plugins.cluster.connection import Cluster
from qe_plugins.cluster.processes import WorkerDied
from qe_plugins.config.schema import DataSettings
from qe_plugins.data.tape import open_tape
from qe_plugins.errors import ClusterError, DataError
from qe_plugins.features import store
from qe_plugins.features.feed import ListedContract
from qe_plugins.features.source import bars_of, contracts_of, source_hash
from qe_plugins.features.store import StoreUnit
from qe_plugins.features.store_folder import StoreFolder


def compute_file(job: dict[str, Any]) -> int:
    """Compute and write one file of a store; return how many rows it has.

    `job` has `data` (settings), `source` (the hash of its bars), `out`, `unit` and `first`, which
    is the same for all files of one computation. Raises DataError for other data.
    """
    bars, contracts, source = _market(msgspec.json.encode(job["data"]), job["first"])
    if source != job["source"]:
        raise DataError(
            f"the bars here are others ({source}) than those asked for ({job['source']}).",
            where="data",
            hint="Read the same data everywhere, such as a catalog at an s3:// URL.",
        )
    store.start(bars, contracts, StoreFolder(job["out"]))
    return store.written(msgspec.convert(job["unit"], StoreUnit))[1]


@lru_cache(maxsize=1)
def _market(data: bytes, first: str) -> tuple[dict[str, Bars], list[ListedContract], str]:
    """Return bars, contracts and hash of a market, read once for all files of a computation."""
    tape = open_tape(msgspec.json.decode(data, type=DataSettings), lambda key: f"data.{key}")
    bars = bars_of(tape)
    return bars, contracts_of(tape), source_hash(bars)


def on_cluster(
    cluster: Cluster, data: DataSettings, out: StoreFolder, say: Callable[[str], None]
) -> store.ComputeUnits:
    """Return what computes files of a store on a cluster. It raises ClusterError."""

    def run(units: Sequence[StoreUnit], source: str) -> Iterator[tuple[StoreUnit, int]]:
        from qe_plugins.cluster import job_runner

        first = f"{source}-{time.time_ns()}"
        shared = {"data": msgspec.to_builtins(data), "source": source, "first": first}
        place = out.url or str(out.path.absolute())
        jobs = [shared | {"out": place, "unit": msgspec.to_builtins(one)} for one in units]
        names = [f"qe-features-{first}-{one.root}-{one.frame}-{one.month}" for one in units]
        for number, rows in job_runner.run_jobs(
            compute_file, jobs, names, cluster, lambda number: None, say
        ):
            unit = units[number]
            if isinstance(rows, WorkerDied):
                raise ClusterError(rows.reason, where=unit.path)
            if not out.has(unit.path):
                raise ClusterError(
                    f"a worker wrote {unit.path} where it is not seen from here.",
                    where=str(out),
                    hint="Share that folder with the workers, or name an s3:// URL.",
                )
            yield unit, rows

    return run
