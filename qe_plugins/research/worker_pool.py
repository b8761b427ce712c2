"""Processes that do jobs: spawned, one engine each, plain data in and out.

A job that kills its process costs that job alone, which `concurrent.futures` cannot promise.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

import msgspec

from qe_plugins.child_processes import end_with_parent

type Work = Callable[[Any], Any]
"""A function of a module, which spawned processes can import; it must not raise."""

LIFE = 8
"""Jobs that a process does before another takes its place: memory that leaks is given back."""

_context = get_context("spawn")


class WorkerDied(msgspec.Struct, frozen=True):
    """What stands for the answer of a process that died."""

    reason: str


class Worker:
    """One process, and the number of the job it has."""

    def __init__(self, work: Work, life: int | None = None) -> None:
        self._life = life or LIFE
        ours, theirs = _context.Pipe()
        self.pipe: Connection = ours
        self.job: int | None = None
        self._done = 0
        self._process = _context.Process(target=_serve, args=(work, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def is_old(self) -> bool:
        """Say whether it has done its share."""
        return self._done >= self._life

    def give(self, number: int, job: Any) -> None:
        """Hand over a job."""
        self.job = number
        with suppress(OSError):  # it died: reading says so
            self.pipe.send(job)

    def take(self) -> tuple[int, Any]:
        """Return the number of its job with the answer, or with `WorkerDied`."""
        assert self.job is not None
        number, self.job = self.job, None
        self._done += 1
        try:
            return number, self.pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            self._done = self._life
            return number, WorkerDied(f"its process died, exit code {self._process.exitcode}")

    def end(self, *, now: bool = False) -> None:
        """Let the process go; `now` does not wait for its job."""
        self.pipe.close()
        if now:
            self._process.terminate()
        self._process.join()


def run_jobs(
    work: Work,
    jobs: Sequence[Any],
    workers: int,
    began: Callable[[int], None],
    life: int | None = None,
) -> Iterator[tuple[int, Any]]:
    """Yield (number, answer) as jobs end, in any order; the answer of a dead one is `WorkerDied`.

    `began` is called with the number of each job that is handed over. A process does `life` jobs,
    by default LIFE.
    """
    crew: list[Worker] = []
    waiting = iter(enumerate(jobs))
    try:
        crew += [Worker(work, life) for _ in range(min(workers, len(jobs)))]
        for worker in crew:
            _next(worker, waiting, began)
        while busy := {worker.pipe: worker for worker in crew if worker.job is not None}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                yield worker.take()
                if worker.is_old:
                    crew[crew.index(worker)] = fresh = Worker(work, life)
                    worker.end()
                    worker = fresh
                _next(worker, waiting, began)
    finally:
        for worker in crew:
            worker.end(now=worker.job is not None)


def _next(worker: Worker, waiting: Iterator[tuple[int, Any]], began: Callable[[int], None]) -> None:
    for number, job in waiting:
        began(number)
        worker.give(number, job)
        return


def _serve(work: Work, pipe: Connection) -> None:
    """Do jobs until nobody asks any more. An interrupt is the parent's to handle."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while True:
            pipe.send(work(pipe.recv()))
