"""The fake vendor's batch jobs: queued, done, listed, and downloaded for free."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Job:
    """One submitted job. It is done once its state was asked for `polls` times."""

    id: str
    fields: dict[str, str]
    file: bytes
    polls: int

    @property
    def state(self) -> str:
        return "done" if self.polls <= 0 else "processing"

    def details(self) -> dict[str, Any]:
        """Return the job as `list_jobs` and `get_job_details` show it."""
        names = (
            "dataset",
            "symbols",
            "schema",
            "start",
            "end",
            "stype_in",
            "stype_out",
            "encoding",
        )
        shown = {name: self.fields.get(name) for name in names}
        return {"id": self.id, "state": self.state, **shown}

    @property
    def filename(self) -> str:
        return f"glbx-mdp3.{self.fields['schema']}.dbn.zst"


@dataclass
class Jobs:
    """Every job of the account. `polls` is how often a new job is asked for before it is done."""

    polls: int = 0
    jobs: dict[str, Job] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, fields: dict[str, str], file: bytes) -> Job:
        with self._lock:
            job = Job(f"GLBX-20261001-{len(self.jobs):010}", fields, file, self.polls)
            self.jobs[job.id] = job
            return job

    def list_jobs(self, fields: dict[str, str]) -> Any:
        states = fields.get("states", "queued,processing,done").split(",")
        return [job.details() for job in self.jobs.values() if job.state in states]

    def get_job_details(self, fields: dict[str, str]) -> Any:
        job = self.jobs[fields["job_id"]]
        job.polls -= 1
        return job.details()

    def list_files(self, fields: dict[str, str], url: Callable[[str, str], str]) -> Any:
        job = self.jobs[fields["job_id"]]
        files = {"metadata.json": b"{}", job.filename: job.file}
        return [
            {
                "filename": name,
                "size": len(content),
                "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
                "urls": {"https": url(job.id, name), "ftp": ""},
            }
            for name, content in files.items()
        ]
