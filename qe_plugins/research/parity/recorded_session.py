"""A session as its journal has it: its configuration, its code, and all of its facts."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from qe_plugins.config import yaml_reader
from qe_plugins.config.loader import Loaded, load
from qe_plugins.errors import JournalError
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.lookup import resolve_run
from qe_plugins.journal.store import Journal

SESSIONS = ("paper", "live")
HINT = "`qe paper` records one; `qe runs` lists them."


class RecordedSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session of the journal. `mode` is `paper` or `live`, `still_open` says it has no end.

    `contracts` are those that it traded at a broker, `MESZ26.XCME`, none for a session on recorded
    data. `config` is its resolved configuration, `code` the hash of the source of each component
    and plugin by its key in the configuration, `data_end` the time of the last record of its data
    (UTC ns). `content_hash` is that of its facts, empty while it is open.
    """

    run_id: str
    name: str
    mode: str
    engine: str
    still_open: bool
    content_hash: str
    config: dict[str, Any]
    code: dict[str, str]
    data_end: int
    facts: list[Fact]
    contracts: tuple[str, ...] = ()

    @property
    def bars(self) -> list[Fact]:
        """Return the facts of the bars that it received."""
        return [fact for fact in self.facts if fact.kind is FactKind.SNAPSHOT]

    @property
    def last(self) -> int:
        """Return the close of the last bar (UTC ns)."""
        return max(fact.ts_event for fact in self.bars)


def find_session(text: str) -> RecordedSession:
    """Return the session that `text` names, as `journal.lookup.resolve_run` reads it.

    Raises JournalError where there is none, where it is no session, and where it has no bars.
    """
    if not Journal.exists():
        raise _no_session("no run yet.", text)
    with Journal.open() as journal:
        closed = {run.run_id: run for run in journal.runs()}
        still_open = {run.run_id: run for run in journal.open_runs()}
        every = [*closed, *still_open]
        run_id = _named(journal, text, every)
        facts = journal.facts(run_id)
    first = facts[0] if facts else None
    if first is None or first.kind is not FactKind.RUN or first.body.get("mode") not in SESSIONS:
        raise _no_session("is not a session.", run_id)
    if not any(fact.kind is FactKind.SNAPSHOT for fact in facts):
        raise _no_session("has no bars yet." if run_id in still_open else "has no bars.", run_id)
    if "config" not in first.body:
        raise _no_session("was recorded without its configuration.", run_id)
    run = closed.get(run_id) or still_open[run_id]
    return RecordedSession(
        run_id=run_id,
        name=run.name,
        mode=first.body["mode"],
        engine=first.body.get("session_engine", ""),
        still_open=run_id in still_open,
        content_hash=closed[run_id].content_hash if run_id in closed else "",
        config=first.body["config"],
        code=first.body.get("code", {}),
        data_end=first.body["end"],
        facts=facts,
        contracts=tuple(first.body.get("contracts", ())),
    )


def own_configuration(session: RecordedSession, overrides: Sequence[str] = ()) -> Loaded:
    """Return the configuration of a session, with overrides.

    Raises ConfigError as any file does; places are those of a file named after the run.
    """
    with tempfile.TemporaryDirectory(prefix="qe-parity-") as folder:
        file = Path(folder) / f"{session.run_id}.yaml"
        file.write_text(yaml_reader.dump(session.config), encoding="utf-8")
        return load(file, overrides)


def _named(journal: Journal, text: str, every: Sequence[str]) -> str:
    """Return the id of the run that `text` names; by place and by name only sessions count."""

    def newest_first() -> dict[str, str]:
        first = journal.first_facts()
        sessions = [run for run, one in first.items() if one.body.get("mode") in SESSIONS]
        return {run: str(first[run].body.get("name", "")) for run in sorted(sessions, reverse=True)}

    written = Path(text).name if "/" in text else text
    return resolve_run(written, every, newest_first, what="session", hint=HINT, start=HINT)


def _no_session(message: str, run_id: str) -> JournalError:
    return JournalError(message, where=f"run {run_id}", hint=HINT)
