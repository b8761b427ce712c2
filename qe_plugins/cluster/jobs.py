"""What crosses a cluster for one job: the name of a function, its argument, and its answer."""

from __future__ import annotations

from typing import Any

import msgspec

JOB = "job"
"""The name of the activity."""


class ClusterJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job: `work` is `module:function`, `content` its argument as plain data.

    `code` is the hash of the code that the answer is computed with.
    """

    work: str
    content: Any
    code: str


class JobAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a job, or why there is none.

    `died` is the reason if its process died, `error` the message of an exception, `code` the hash
    of the process' code if that is another.
    """

    answer: Any = None
    died: str | None = None
    error: str | None = None
    code: str | None = None


def jobs_queue(queue: str) -> str:
    """Return the task queue of jobs beside that of scans: each has its own number at once."""
    return f"{queue}-jobs"
