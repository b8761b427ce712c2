"""A pool of spawned worker processes, one engine each; jobs and answers are plain data.

A job that kills its process loses only itself; with `concurrent.futures` it would break the pool.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, Self

import msgspec

from qe_plugins.child_processes import end_with_parent

type Work = Callable[[Any], Any]
"""A module-level function, importable by spawned processes; it must not raise."""

JOBS_PER_PROCESS = 8
"""Jobs after which a process is replaced, to return leaked memory."""

_context = get_context("spawn")


class WorkerDied(msgspec.Struct, frozen=True):
    """The answer to a job whose process died."""

    reason: str


class Worker:
    """One process, and the number of its current job."""

    def __init__(self, work: Work, job_limit: int | None = None) -> None:
        self._job_limit = job_limit or JOBS_PER_PROCESS
        ours, theirs = _context.Pipe()
        self.pipe: Connection = ours
        self.job: int | None = None
        self._done = 0
        self._process = _context.Process(target=_run_worker, args=(work, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def is_exhausted(self) -> bool:
        """Return whether the process has reached its number of jobs."""
        return self._done >= self._job_limit

    def send(self, number: int, job: Any) -> None:
        """Send a job to the process."""
        self.job = number
        with suppress(OSError):  # it died: `receive` reports it
            self.pipe.send(job)

    def receive(self) -> tuple[int, Any]:
        """Return the number of its job and the answer, `WorkerDied` if the process died."""
        assert self.job is not None
        number, self.job = self.job, None
        self._done += 1
        try:
            return number, self.pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            self._done = self._job_limit
            return number, WorkerDied(f"its process died, exit code {self._process.exitcode}")

    def terminate(self) -> None:
        """Terminate the process; `receive` then returns `WorkerDied`."""
        self._process.terminate()

    def end(self, *, now: bool = False) -> None:
        """End the process; `now` does not wait for its job."""
        self.pipe.close()
        if now:
            self.terminate()
        self._process.join()


class WorkerPool:
    """At most `workers` processes that stay between batches of jobs, until the context ends.

    A process is replaced after `job_limit` jobs, by default JOBS_PER_PROCESS.
    """

    def __init__(self, work: Work, workers: int, job_limit: int | None = None) -> None:
        self._work, self._workers, self._job_limit = work, workers, job_limit
        self._pool: list[Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._pool:
            worker.end(now=worker.job is not None)

    def run(self, jobs: Sequence[Any], began: Callable[[int], None]) -> Generator[tuple[int, Any]]:
        """Yield (number, answer) as jobs end, in any order; `WorkerDied` if the process died.

        `began` is called with the number of each job when it is sent. A batch must be read to its
        end before the next one.
        """
        pool, waiting = self._pool, iter(enumerate(jobs))
        while len(pool) < min(self._workers, len(jobs)):
            pool.append(Worker(self._work, self._job_limit))
        for worker in pool:
            _send_next(worker, waiting, began)
        while busy := {worker.pipe: worker for worker in pool if worker.job is not None}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                yield worker.receive()
                if worker.is_exhausted:
                    pool[pool.index(worker)] = replacement = Worker(self._work, self._job_limit)
                    worker.end()
                    worker = replacement
                _send_next(worker, waiting, began)


def run_jobs(
    work: Work,
    jobs: Sequence[Any],
    workers: int,
    began: Callable[[int], None],
    job_limit: int | None = None,
) -> Generator[tuple[int, Any]]:
    """Yield what `WorkerPool.run` yields of one batch of jobs."""
    with WorkerPool(work, workers, job_limit) as pool:
        yield from pool.run(jobs, began)


def _send_next(
    worker: Worker, waiting: Iterator[tuple[int, Any]], began: Callable[[int], None]
) -> None:
    for number, job in waiting:
        began(number)
        worker.send(number, job)
        return


def _run_worker(work: Work, pipe: Connection) -> None:
    """Run jobs until the pipe is closed. Interrupts are handled by the parent process."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while True:
            pipe.send(work(pipe.recv()))
