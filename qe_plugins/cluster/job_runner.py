"""Run jobs on a cluster: a workflow each, by name, which a repeated start joins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from qe_plugins.cluster.code_hash import code_hash
from qe_plugins.cluster.connection import Cluster, connect
from qe_plugins.cluster.job_workflow import JobWorkflow
from qe_plugins.cluster.jobs import ClusterJob, JobAnswer, jobs_queue
from qe_plugins.cluster.processes import Work, WorkerDied
from qe_plugins.cluster.waiting import TIMEOUT, has_workers, no_workers, result_of, start_or_join

IN_FLIGHT = 500
"""Jobs that are on the cluster at once; the others wait here."""

NOTICE = 5.0
"""Seconds without an answer after which missing workers are noticed."""


def run_jobs(
    work: Work,
    jobs: Sequence[Any],
    names: Sequence[str],
    cluster: Cluster,
    began: Callable[[int], None],
    say: Callable[[str], None],
) -> Generator[tuple[int, Any]]:
    """Yield (number, answer) as jobs end, in any order, as `processes.run_jobs` does.

    A job whose name is on the cluster already is joined, or its answer taken. `began` is called
    with the number of each job when it is on the cluster, `say` with a notice such as missing
    workers. Jobs are cancelled when the iterator is closed before its end. Raises ClusterError.
    """
    with asyncio.Runner() as runner:
        batch = _Batch(work, jobs, names, cluster.queue, began, say)
        runner.run(batch.connect(cluster))
        try:
            while ended := runner.run(batch.next_answers()):
                yield from ended
        finally:
            runner.run(batch.cancel())


class _Batch:
    """The jobs of one call: those that wait, and those on the cluster."""

    def __init__(
        self,
        work: Work,
        jobs: Sequence[Any],
        names: Sequence[str],
        queue: str,
        began: Callable[[int], None],
        say: Callable[[str], None],
    ) -> None:
        self._work = f"{work.__module__}:{work.__qualname__}"
        self._jobs, self._names, self._queue = jobs, names, jobs_queue(queue)
        self._began, self._say = began, say
        self._waiting = iter(range(len(jobs)))
        self._tasks: dict[asyncio.Task[JobAnswer], int] = {}
        self._handles: dict[int, WorkflowHandle[JobWorkflow, JobAnswer]] = {}
        self._no_workers = False

    async def connect(self, cluster: Cluster) -> None:
        self._client: Client = await connect(cluster)

    async def next_answers(self) -> list[tuple[int, Any]]:
        """Return the answers that came since, at least one; none where no job is left."""
        while len(self._tasks) < IN_FLIGHT and (number := next(self._waiting, None)) is not None:
            self._began(number)
            self._tasks[asyncio.create_task(self._run(number))] = number
        done: set[asyncio.Task[JobAnswer]] = set()
        while self._tasks and not done:
            done, _ = await asyncio.wait(
                self._tasks, timeout=NOTICE, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                await self._report_missing_workers()
        return sorted((self._tasks.pop(task), _plain(task.result())) for task in done)

    async def cancel(self) -> None:
        """Cancel the jobs that are still on the cluster."""
        handles = [self._handles[n] for n in self._tasks.values() if n in self._handles]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*map(_cancelled, handles))

    async def _run(self, number: int) -> JobAnswer:
        job = ClusterJob(work=self._work, content=self._jobs[number], code=code_hash())
        name = self._names[number]
        handle = await start_or_join(self._client, JobWorkflow.run, job, name, self._queue)
        self._handles[number] = handle
        return await result_of(handle, f"job {name}", "Resume it when that is mended.")

    async def _report_missing_workers(self) -> None:
        """Say once that no worker polls the queue."""
        found = await has_workers(self._client, self._queue)
        if not found and not self._no_workers:
            self._say(no_workers(self._queue))
        self._no_workers = not found


async def _cancelled(handle: WorkflowHandle[JobWorkflow, JobAnswer]) -> None:
    try:
        await handle.cancel(rpc_timeout=TIMEOUT)
    except RPCError:  # it has ended, or the server is gone: its workers notice that themselves
        return


def _plain(answer: JobAnswer) -> Any:
    return answer.answer if answer.died is None else WorkerDied(answer.died)
