"""Scans on disk: what each was asked to do, what it decided on the way, and what came of it.

`scan.json` and `market.parquet` are written before the first call, `decisions.jsonl` line by line,
`outcomes.jsonl` and `result.json` at the end. Requests, and what they cost, are in the ledger.
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

DESCRIPTION, DECISIONS = "scan.json", "decisions.jsonl"
OUTCOMES, RESULT = "outcomes.jsonl", "result.json"
LOCK, WORKERS = "lock", "workers"


type Engine = Literal["local", "temporal"]
"""What runs a tree: one process here, or a Temporal cluster."""


class ScanDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan was asked to do. `fleet` is its configuration, resolved, secrets left out."""

    name: str
    started: datetime
    fleet: dict[str, Any]
    news: tuple[str, ...] = ()
    engine: Engine = "local"


class ParentDecision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a parent decided with: the children it did without, or why its own model was silent."""

    node: str
    missing: dict[str, str] | None = None
    failure: str | None = None


class DecisionLog:
    """The decisions of one scan, kept as they are made, so that they stand after a crash.

    With `keep` false they are only read: a replay decides nothing anew.
    """

    def __init__(self, file: Path, *, keep: bool = True) -> None:
        self._file, self._keep = file, keep
        self.closed: dict[str, dict[str, str]] = {}
        self.silent: dict[str, str] = {}
        whole = _whole_lines(file)
        for line in whole.splitlines():
            self._note(msgspec.json.decode(line, type=ParentDecision))
        if keep and file.exists():
            os.truncate(file, len(whole))  # a line cut off by a crash was not decided

    def close(self, node: str, missing: dict[str, str]) -> None:
        """Keep which children a parent did without, and why."""
        self._write(ParentDecision(node=node, missing=missing))

    def silence(self, node: str, failure: str) -> None:
        """Keep why a parent's own model said nothing."""
        self._write(ParentDecision(node=node, failure=failure))

    def _write(self, decision: ParentDecision) -> None:
        if self._keep:
            with self._file.open("ab") as file:
                file.write(msgspec.json.encode(decision) + b"\n")
        self._note(decision)

    def _note(self, decision: ParentDecision) -> None:
        if decision.missing is not None:
            self.closed[decision.node] = decision.missing
        if decision.failure is not None:
            self.silent[decision.node] = decision.failure


class ScanFolder:
    """One scan's folder."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def description(self) -> ScanDescription:
        """Return what the scan was to do. Raises FleetError where that cannot be read."""
        return _read(self.place / DESCRIPTION, ScanDescription)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Run the scan in no other process meanwhile. Raises FleetError where another one does."""
        try:
            with FileLock(self.place / LOCK, timeout=0):
                yield
        except Timeout as error:
            raise FleetError(
                "is running in another process.",
                where=f"scan {self.place.name}",
                hint="`qe fleet show` prints what came of it when it has ended.",
            ) from error

    def worked_on(self) -> FileLock:
        """Return a lock that says that this process asks for the scan on a cluster; release it.

        It goes with the process, however that ends, and waits while the scan is being settled.
        """
        place = self.place / WORKERS
        place.mkdir(exist_ok=True)
        lock = FileLock(place / f"{os.getpid()}@{socket.gethostname()}", thread_local=False)
        with FileLock(self.place / LOCK):
            lock.acquire()
        return lock

    def workers(self) -> list[str]:
        """Return the processes that ask for the scan on a cluster now, as `1234@host`."""
        return [one.name for one in sorted(self.place.glob(f"{WORKERS}/*")) if _is_locked(one)]

    def was_left(self) -> bool:
        """Return whether the scan was begun, has not finished, and is run by nobody now."""
        if self.result() is not None:
            return False
        try:
            with self.alone():
                return self.result() is None
        except FleetError:
            return False

    def decisions(self, *, keep: bool = True) -> DecisionLog:
        """Return what the scan has decided so far, to go on with or, without `keep`, to read."""
        return DecisionLog(self.place / DECISIONS, keep=keep)

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Wait until no other process finishes this scan, and keep others from it meanwhile."""
        with FileLock(self.place / ".finishing"):
            yield

    def decide(self, decisions: Iterable[ParentDecision]) -> None:
        """Write what was decided elsewhere, in the place of what was decided here."""
        part = self.place / f"{DECISIONS}.part"
        part.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in decisions))
        os.replace(part, self.place / DECISIONS)

    def finish(self, result: ScanResult, outcomes: Iterable[NodeOutcome]) -> None:
        """Write what came of every node, then of the whole."""
        part = self.place / f"{OUTCOMES}.part"
        part.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in outcomes))
        os.replace(part, self.place / OUTCOMES)
        _write(self.place / RESULT, result)

    def outcomes(self) -> dict[str, NodeOutcome]:
        """Return what came of every node, by its id; nothing before the scan has finished."""
        file = self.place / OUTCOMES
        if not file.exists():
            return {}
        lines = _whole_lines(file).splitlines()
        every = [msgspec.json.decode(line, type=NodeOutcome) for line in lines]
        return {one.node: one for one in every}

    def result(self) -> ScanResult | None:
        """Return what came of it, None where it has not finished."""
        file = self.place / RESULT
        return _read(file, ScanResult) if file.exists() else None


def scans() -> list[str]:
    """Return the ids of the scans, oldest first."""
    root = _root()
    named = [one.name for one in root.glob("[!.]*") if (one / DESCRIPTION).is_file()]
    return sorted(named)


def newest(name: str) -> tuple[str, ScanFolder] | None:
    """Return the last scan of the fleet of that name, None where it has made none."""
    for scan_id in reversed(scans()):
        if scan_id.partition("-")[2].rpartition("-")[0] == name:
            return scan_id, ScanFolder(_root() / scan_id)
    return None


@contextmanager
def workshop() -> Iterator[Path]:
    """Yield a folder in which a scan is prepared; what was not kept is gone at the end."""
    _root().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", dir=_root(), ignore_cleanup_errors=True) as place:
        yield Path(place)


def keep(place: Path, description: ScanDescription) -> tuple[str, ScanFolder]:
    """Make what was prepared at `place` a scan; return its id and its folder."""
    started = description.started.astimezone(UTC)
    at = f"{started:%Y%m%dT%H%M%S}{started.microsecond // 1_000:03}"
    scan_id = f"{at}-{description.name}-{secrets.token_hex(2)}"
    _write(place / DESCRIPTION, description)
    os.replace(place, _root() / scan_id)
    return scan_id, ScanFolder(_root() / scan_id)


def find(text: str) -> tuple[str, ScanFolder]:
    """Return the scan that a text means: `last`, an id, or a part of just one.

    Raises FleetError where that is none, or several.
    """
    known = scans()
    if not known:
        raise FleetError("no scan yet.", hint="Run `qe fleet scan configs/fleet/team.yaml` first.")
    meant = known[-1:] if text == "last" else [one for one in known if text in one]
    if text in known:
        meant = [text]
    if len(meant) == 1:
        return meant[0], ScanFolder(_root() / meant[0])
    hint = did_you_mean(text, known) or "`qe fleet scans` lists them."
    what = "means several scans" if meant else "is no scan"
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


def _write(file: Path, record: msgspec.Struct) -> None:
    part = file.with_suffix(".part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(record)))
    os.replace(part, file)


def _read[T](file: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError, RecursionError, ValueError) as error:
        said = " ".join(str(error).split())
        raise FleetError(f"cannot be read: {said}.", where=str(file)) from error
