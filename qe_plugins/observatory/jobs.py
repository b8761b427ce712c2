"""Jobs: commands of `qe` that a person starts from a page, each in a process of its own.

Only the commands of COMMANDS on files of `configs/` are started, without a shell. A job outlives
the Observatory; its folder has its description and its output.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from qe_plugins import project, state_dir
from qe_plugins.errors import QeError
from qe_plugins.halt.latch import write_atomically
from qe_plugins.journal import owner
from qe_plugins.journal.activity.records import ActivityKind, PipelineEntry, Severity
from qe_plugins.journal.activity.report import record
from qe_plugins.safe_text import redacted, shown

COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {
    "backtest": (("backtest",), "backtest"),
    "sweep": (("sweep",), "backtest"),
    "hunt": (("fleet", "scan"), "fleet"),
    "check": (("check", "--json"), "*"),
}
"""The words of each command, and the folder of `configs/` whose files it takes."""

MOST_RUNNING = 2
MOST_JOBS = 30
TAIL = 20_000
"""Bytes of a job's output that are shown, the last ones."""


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it was started. `process` is its start, which no later process of its id has."""

    job: str
    command: str
    file: str
    words: list[str]
    started: datetime
    actor: str
    pid: int
    process: str | None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job now: `code` is its exit code, None while it runs or where it was lost."""

    record: JobRecord
    running: bool
    code: int | None
    cancelled: bool

    @property
    def state(self) -> str:
        """Return it in a word or two."""
        if self.running:
            return "running"
        if self.cancelled:
            return "cancelled"
        if self.code is None:
            return "ended"
        return "done" if self.code == 0 else f"failed, exit code {self.code}"


def files(command: str) -> list[str]:
    """Return the files that a command may be started on, as `configs/backtest/quickstart.yaml`."""
    return configurations(COMMANDS[command][1])


def configurations(folder: str) -> list[str]:
    """Return the files of a folder below `configs/`, as `configs/theses/velocity.yaml`."""
    root = _configs()
    if root is None:
        return []
    found = sorted(root.glob(f"{folder}/*.yaml"))
    return [str(one.relative_to(root.parent)) for one in found if not one.is_symlink()]


def start(command: str, file: str, actor: str, grid: str = "") -> Job:
    """Start a command on a file and return its job.

    Raises QeError for another command, for a file that is not one of `files`, for a sweep without
    a grid, and where MOST_RUNNING jobs run already.
    """
    if command not in COMMANDS or file not in files(command):
        hint = "Choose a file of configs/ from the list."
        raise QeError("no such command on such a file.", where="job", hint=hint)
    if sum(one.running for one in jobs()) >= MOST_RUNNING:
        raise QeError(
            f"{MOST_RUNNING} jobs run already.", where="job", hint="Wait for one, or cancel it."
        )
    words = [*COMMANDS[command][0], file]
    if command == "sweep":
        if not grid.strip():
            raise QeError("a sweep needs a grid.", where="job", hint="Write rung.risk=25,50.")
        words.append(f"--grid={grid.strip()}")
    job_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{command}-{secrets.token_hex(2)}"
    folder = _root() / job_id
    folder.mkdir(parents=True, mode=0o700)
    process = _spawned(words, folder)
    made = JobRecord(
        job=job_id,
        command=command,
        file=file,
        words=words,
        started=datetime.now(UTC),
        actor=actor,
        pid=process.pid,
        process=owner.start_of(process.pid),
    )
    write_atomically(folder / "job.json", msgspec.json.encode(made))
    _report(made, f"started: qe {' '.join(words)}")
    threading.Thread(target=_followed, args=(process, made), name=job_id, daemon=True).start()
    return _job(folder)


def cancel(job_id: str, actor: str) -> None:
    """Interrupt a job as Ctrl-C would. Raises QeError for an unknown one."""
    job = find(job_id)
    if job.running:
        (_root() / job_id / "cancelled").touch()
        os.killpg(job.record.pid, signal.SIGINT)
        _report(msgspec.structs.replace(job.record, actor=actor), "cancelled")


def jobs() -> list[Job]:
    """Return the newest jobs, newest first."""
    found = sorted(_root().glob("*/job.json"), reverse=True)[:MOST_JOBS]
    return [_job(one.parent) for one in found]


def find(job_id: str) -> Job:
    """Return a job. Raises QeError for an unknown one."""
    folder = _root() / job_id
    if not state_dir.NAME.fullmatch(job_id) or not (folder / "job.json").is_file():
        raise QeError(f"no job '{shown(job_id)[:80]}'.", where="job")
    return _job(folder)


def output(job_id: str) -> str:
    """Return the last part of a job's output, as text without secrets."""
    file = _root() / find(job_id).record.job / "output.log"
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(size - TAIL, 0))
        text = opened.read().decode("utf-8", "replace")
    return redacted(text if size <= TAIL else text.partition("\n")[2])


def last_check(file: str) -> Job | None:
    """Return the last check of a file that has ended."""
    return next(
        (
            one
            for one in jobs()
            if one.record.command == "check" and one.record.file == file and not one.running
        ),
        None,
    )


def version() -> str:
    """Return a text that is another one after each change of a job or its output."""
    marks = [
        (one.name, one.stat().st_mtime_ns, one.stat().st_size)
        for folder in sorted(_root().glob("*"), reverse=True)[:5]
        for one in folder.glob("*")
    ]
    return f"{hash(str(marks)) & 0xFFFFFFFFFFFF:x}"


def _spawned(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "output.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "qe_plugins.cli", *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _followed(process: subprocess.Popen[bytes], made: JobRecord) -> None:
    code = process.wait()
    (_root() / made.job / "code").write_text(str(code))
    cancelled = (_root() / made.job / "cancelled").exists()
    if not cancelled:
        severity = Severity.INFO if code == 0 else Severity.WARNING
        _report(made, f"ended with exit code {code}: qe {' '.join(made.words)}", severity)


def _report(made: JobRecord, text: str, severity: Severity = Severity.INFO) -> None:
    record(
        PipelineEntry(
            process="observatory",
            kind=ActivityKind.JOB,
            text=f"{made.command} {text}",
            severity=severity,
            actor=made.actor,
            href=f"/job/{made.job}",
        )
    )


def _job(folder: Path) -> Job:
    made = msgspec.json.decode((folder / "job.json").read_bytes(), type=JobRecord)
    code = folder / "code"
    ended = int(code.read_text() or 0) if code.exists() else None
    alive = ended is None and owner.start_of(made.pid) == made.process
    return Job(record=made, running=alive, code=ended, cancelled=(folder / "cancelled").exists())


def _root() -> Path:
    return state_dir.state_dir() / "observatory" / "jobs"


def _configs() -> Path | None:
    root = project.find_root(Path.cwd())
    return None if root is None else (root / "configs").resolve()
