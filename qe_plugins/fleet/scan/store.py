"""Scan folders on disk: description, market, decisions, outcomes and result.

`scan.json` and `market.parquet` are written before the first call, `decisions.jsonl` line by line
while the scan runs, `outcomes.jsonl` and `result.json` at its end. Requests and their costs are in
the ledger.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import msgspec
from filelock import FileLock, Timeout

from qe_plugins import state_dir
from qe_plugins.errors import FleetError, did_you_mean
from qe_plugins.fleet.scan.outcome import NodeOutcome, ScanResult
from qe_plugins.journal.lookup import place_of

DESCRIPTION, DECISIONS = "scan.json", "decisions.jsonl"
OUTCOMES, RESULT = "outcomes.jsonl", "result.json"
LOCK, WORKERS = "lock", "workers"
PATIENCE = 0.5
"""Seconds that a process waits for a scan's lock."""


type Engine = Literal["local", "temporal"]
"""What runs a tree: one process here, or a Temporal cluster."""


class ScanDescription(msgspec.Struct, frozen=True, kw_only=True):
    """A scan's input. `fleet` is its resolved configuration, secrets as `${NAME}`."""

    name: str
    started: datetime
    fleet: dict[str, Any]
    news: tuple[str, ...] = ()
    engine: Engine = "local"


class ParentDecision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The children that a parent did without, by id with the reason, or its own model's failure."""

    node: str
    missing: dict[str, str] | None = None
    failure: str | None = None


class DecisionLog:
    """The decisions of one scan, written as they are taken, so that they survive a crash.

    With `write` false the file is only read: a replay takes no new decision.
    """

    def __init__(self, file: Path, *, write: bool = True) -> None:
        self._file, self._writes = file, write
        self.missing: dict[str, dict[str, str]] = {}
        self.failures: dict[str, str] = {}
        whole = _whole_lines(file)
        for line in whole.splitlines():
            self._note(msgspec.json.decode(line, type=ParentDecision))
        if write and file.exists():
            os.truncate(file, len(whole))  # a line cut off by a crash is no decision

    def record_missing(self, node: str, missing: dict[str, str]) -> None:
        """Record the children that a parent did without, by id with the reason."""
        self._append(ParentDecision(node=node, missing=missing))

    def record_failure(self, node: str, failure: str) -> None:
        """Record why a parent's own model gave no answer."""
        self._append(ParentDecision(node=node, failure=failure))

    def _append(self, decision: ParentDecision) -> None:
        if self._writes:
            with self._file.open("ab") as file:
                file.write(msgspec.json.encode(decision) + b"\n")
        self._note(decision)

    def _note(self, decision: ParentDecision) -> None:
        if decision.missing is not None:
            self.missing[decision.node] = decision.missing
        if decision.failure is not None:
            self.failures[decision.node] = decision.failure


class ScanFolder:
    """One scan's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def description(self) -> ScanDescription:
        """Return the scan's input. Raises FleetError where it cannot be read."""
        return _read_record(self.path / DESCRIPTION, ScanDescription)

    @contextmanager
    def exclusive(self, patience: float = PATIENCE) -> Iterator[None]:
        """Hold the scan's lock within the block. Raises FleetError where another process has it.

        `patience` in seconds lets a look at its state, which takes the lock for a moment, pass.
        """
        try:
            with FileLock(self.path / LOCK, timeout=patience):
                yield
        except Timeout as error:
            raise FleetError(
                "is running in another process.",
                where=f"scan {self.path.name}",
                hint="`qe fleet show` prints what came of it when it has ended.",
            ) from error

    def worker_lock(self) -> FileLock:
        """Return a held lock that marks this process as a worker of the scan, to be released.

        The system releases it when the process ends. Waits while the scan is being settled.
        """
        folder = self.path / WORKERS
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / f"{os.getpid()}@{socket.gethostname()}", thread_local=False)
        with FileLock(self.path / LOCK):
            lock.acquire()
        return lock

    def workers(self) -> list[str]:
        """Return the cluster workers that have calls of the scan now, as `1234@host`."""
        return [one.name for one in sorted(self.path.glob(f"{WORKERS}/*")) if _is_locked(one)]

    def abandoned(self) -> bool:
        """Return whether the scan has not finished and no process runs it."""
        if self.result() is not None:
            return False
        try:
            with self.exclusive(0.0):
                return self.result() is None
        except FleetError:
            return False

    def decisions(self, *, write: bool = True) -> DecisionLog:
        """Return the decisions so far, to add to or, with `write` false, to read."""
        return DecisionLog(self.path / DECISIONS, write=write)

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Hold the lock under which a scan is finished; wait for another process that has it."""
        with FileLock(self.path / ".finishing"):
            yield

    def replace_decisions(self, decisions: Iterable[ParentDecision]) -> None:
        """Replace the decisions by those taken in other processes."""
        part = self.path / f"{DECISIONS}.part"
        part.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in decisions))
        os.replace(part, self.path / DECISIONS)

    def finish(self, result: ScanResult, outcomes: Iterable[NodeOutcome]) -> None:
        """Write the outcome of every node, then the result."""
        part = self.path / f"{OUTCOMES}.part"
        part.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in outcomes))
        os.replace(part, self.path / OUTCOMES)
        _write_record(self.path / RESULT, result)

    def outcomes(self) -> dict[str, NodeOutcome]:
        """Return the outcome of every node by its id; empty before the scan has finished."""
        file = self.path / OUTCOMES
        if not file.exists():
            return {}
        lines = _whole_lines(file).splitlines()
        every = [msgspec.json.decode(line, type=NodeOutcome) for line in lines]
        return {one.node: one for one in every}

    def result(self) -> ScanResult | None:
        """Return the result, None where the scan has not finished."""
        file = self.path / RESULT
        return _read_record(file, ScanResult) if file.exists() else None


def scans() -> list[str]:
    """Return the ids of the scans, oldest first."""
    root = _root()
    named = [one.name for one in root.glob("[!.]*") if (one / DESCRIPTION).is_file()]
    return sorted(named)


def newest(name: str) -> tuple[str, ScanFolder] | None:
    """Return the id and folder of a fleet's last scan, None where it has none."""
    for scan_id in reversed(scans()):
        if scan_id.partition("-")[2].rpartition("-")[0] == name:
            return scan_id, ScanFolder(_root() / scan_id)
    return None


@contextmanager
def staging() -> Iterator[Path]:
    """Yield a folder in which a scan is prepared; without `commit` it is deleted at the end."""
    _root().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", dir=_root(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def commit(staged: Path, description: ScanDescription) -> tuple[str, ScanFolder]:
    """Make the `staged` folder a scan; return its id and its folder."""
    started = description.started.astimezone(UTC)
    at = f"{started:%Y%m%dT%H%M%S}{started.microsecond // 1_000:03}"
    scan_id = f"{at}-{description.name}-{secrets.token_hex(2)}"
    _write_record(staged / DESCRIPTION, description)
    os.replace(staged, _root() / scan_id)
    return scan_id, ScanFolder(_root() / scan_id)


def find(text: str) -> tuple[str, ScanFolder]:
    """Return the id and folder of the scan named by `last`, `last~1`, an id, or a part of one id.

    Raises FleetError where no scan or more than one matches.
    """
    known = scans()
    if not known:
        raise FleetError("no scan yet.", hint="Run `qe fleet scan configs/fleet/team.yaml` first.")
    place = place_of(text)
    found = [one for one in known if text in one] if place is None else known[::-1][place:][:1]
    if text in known:
        found = [text]
    if len(found) == 1:
        return found[0], ScanFolder(_root() / found[0])
    hint = did_you_mean(text, known) or "`qe fleet scans` lists them."
    what = "matches several scans" if found else "is no scan"
    raise FleetError(f"'{text}' {what}.", hint=hint)


def _is_locked(file: Path) -> bool:
    try:
        with FileLock(file, timeout=0):
            return False
    except Timeout:
        return True


def _root() -> Path:
    return state_dir.state_dir() / "fleet" / "scans"


def _whole_lines(file: Path) -> bytes:
    content = file.read_bytes() if file.exists() else b""
    return content[: content.rfind(b"\n") + 1]


def _write_record(file: Path, record: msgspec.Struct) -> None:
    part = file.with_suffix(".part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(record)))
    os.replace(part, file)


def _read_record[T](file: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise FleetError(f"cannot be read: {reason}.", where=str(file)) from error
