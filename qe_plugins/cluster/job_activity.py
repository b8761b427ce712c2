"""The activity of a worker that runs a job in a spawned process, one engine each."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

from temporalio import activity

from qe_plugins.cluster.code_hash import code_hash
from qe_plugins.cluster.heartbeats import heartbeats
from qe_plugins.cluster.job_workflow import JobWorkflow
from qe_plugins.cluster.jobs import JOB, ClusterJob, JobAnswer, jobs_queue
from qe_plugins.cluster.processes import Worker, WorkerDied
from qe_plugins.cluster.worker import QueueWork
from qe_plugins.errors import ClusterError, QeError


def run_named(job: ClusterJob) -> JobAnswer:
    """Run a job in this process; an exception becomes its message."""
    own = code_hash()
    if job.code != own:
        return JobAnswer(code=own)
    module, _, name = job.work.partition(":")
    try:
        return JobAnswer(answer=getattr(import_module(module), name)(job.content))
    except QeError as error:
        return JobAnswer(error=str(error))
    except Exception as error:
        return JobAnswer(error=f"{type(error).__name__}: {error}")


class JobActivities:
    """The jobs of one worker, each in a process of its own while it runs.

    `known` are the functions that jobs may name, `log` is called with a line for each that ended.
    """

    def __init__(self, known: Collection[str], at_once: int, log: Callable[[str], None]) -> None:
        self._known, self._log = known, log
        self._idle: list[Worker] = []
        self._threads = ThreadPoolExecutor(at_once, "qe-job")

    @activity.defn(name=JOB)
    async def run(self, job: ClusterJob) -> JobAnswer:
        """Run a job in a process, which ends where the job is cancelled.

        Raises ClusterError, which is final, for an unknown job and for one of other code.
        """
        async with heartbeats():
            if job.work not in self._known:
                raise ClusterError(f"does not know the job '{job.work}'.", where=_this_worker())
            answer = await self._answer(job)
            if answer.code is not None:
                raise ClusterError(
                    f"has other code ({answer.code}) than the process that asks ({job.code}).",
                    where=_this_worker(),
                    hint="Update it and start it again: results would not be the same.",
                )
            if answer.error is not None:
                raise ClusterError(answer.error, where=_this_worker())
        self._log(f"{activity.info().workflow_id} {answer.died or 'done'}")
        return answer

    def end(self) -> None:
        """End all processes."""
        for process in self._idle:
            process.end()
        self._threads.shutdown()

    async def _answer(self, job: ClusterJob) -> JobAnswer:
        """Return a process' answer: one that is idle, or a new one if that has older code."""
        while self._idle:
            answer = await self._ask(self._idle.pop(), job)
            if answer.code is None:
                return answer
        return await self._ask(Worker(run_named), job)

    async def _ask(self, process: Worker, job: ClusterJob) -> JobAnswer:
        process.send(0, job)
        answering = asyncio.get_running_loop().run_in_executor(self._threads, process.receive)
        try:
            _, answer = await asyncio.shield(answering)
        except asyncio.CancelledError:
            process.terminate()
            await answering
            process.end()
            raise
        if isinstance(answer, WorkerDied):
            answer = JobAnswer(died=answer.reason)
        if process.is_exhausted or answer.code is not None:
            process.end()
        else:
            self._idle.append(process)
        return _checked(answer)


def _checked(answer: Any) -> JobAnswer:
    assert isinstance(answer, JobAnswer)
    return answer


@asynccontextmanager
async def job_work(
    queue: str, known: Collection[str], at_once: int, log: Callable[[str], None]
) -> AsyncIterator[QueueWork]:
    """Yield the work of a worker on jobs beside a queue of scans; its processes end afterwards."""
    activities = JobActivities(known, at_once, log)
    try:
        yield QueueWork(
            queue=jobs_queue(queue),
            workflows=(JobWorkflow,),
            activities=(activities.run,),
            at_once=at_once,
        )
    finally:
        activities.end()


def _this_worker() -> str:
    return f"worker {os.getpid()}@{socket.gethostname()}"
