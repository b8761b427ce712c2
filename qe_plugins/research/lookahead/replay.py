"""One run of an analysis, whole or on a copy of the data that was cut, in a process of its own."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape
    from qe_plugins.research.lookahead.decisions import Decision


def replay(job: dict[str, Any]) -> dict[str, Any]:
    """Run `{"config", "overrides", "cut"}`; answer `{"decisions"}` or `{"error", "code"}`.

    `cut` is None for the whole data, else has `folder` (the catalog that was cut), `files` (the
    Databento files that were), `until` (UTC ns), `outline` and `hide` (pairs of paths). `hidden` in
    each answer tells whether originals can be hidden here. Never raises but for an interrupt.
    """
    from qe_plugins.research.lookahead.data_isolation import FileWatch, hide

    cut = job["cut"]
    hidden = hide(cut["hide"] if cut else ())  # first of all: what is imported starts threads
    watch = FileWatch(path for path, _ in cut["hide"]) if cut and not hidden else None
    try:
        decisions = _decided(job, cut, watch)
    except Exception as error:
        return {"error": _said(error), "code": getattr(error, "exit_code", 1), "hidden": hidden}
    return {"decisions": decisions, "hidden": hidden}


def _decided(job: dict[str, Any], cut: dict[str, Any] | None, watch: Any) -> list[Decision]:
    from qe_plugins import project
    from qe_plugins.config.loader import load
    from qe_plugins.engine.running.backtest import stream
    from qe_plugins.engine.running.build import build
    from qe_plugins.engine.running.prepare import prepare
    from qe_plugins.errors import RunError, StrategyError
    from qe_plugins.research.lookahead.decisions import Log

    project.enter(Path.cwd())
    loaded = load(job["config"], job["overrides"])
    if cut is None:
        prepared = prepare(loaded)
    else:
        files = [Path(file) for file in cut["files"]]
        prepared = prepare(loaded, tape=_tape(cut), files=files)
    log = Log(watch.opened if watch else None)
    built = build(prepared, log)
    log.exception_trap, log.clock = built.context.exception_trap, built.pipeline.clock
    log.reads("a strategy or plugin, as it was loaded")
    made, ended = 0, False

    def progress(done: int, records: int) -> None:
        nonlocal made, ended
        made, ended = len(log.decisions), done >= records

    try:
        stream(built, prepared.tape, progress)
    except RunError as error:
        if cut is None:
            raise
        if not ended:  # else it raised as the data ended: how a run ends is not compared
            who = error.who if isinstance(error, StrategyError) else "the run"
            log.fails(who, " ".join(str(error).split()))
            made = len(log.decisions)
    finally:
        built.context.observers.close()
        built.engine.dispose()
    return log.decisions[:made]


def _tape(cut: dict[str, Any]) -> Tape:
    import msgspec

    from qe_plugins.data.truncated_tape import Outline, open_cut

    return open_cut(msgspec.convert(cut["outline"], Outline), Path(cut["folder"]), cut["until"])


def _said(error: Exception) -> str:
    from qe_plugins.errors import QeError

    if isinstance(error, QeError):
        return " ".join(str(error).split())
    last = traceback.extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said} ({Path(last.filename).name}:{last.lineno})"
