"""One run of an analysis in its own process, on the whole data or on a truncated copy."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qe_plugins.data.tape import Tape
    from qe_plugins.research.lookahead.decisions import Decision


def replay(job: dict[str, Any]) -> dict[str, Any]:
    """Run `{"config", "overrides", "cut"}`; return `{"decisions"}` or `{"error", "code"}`.

    `cut` is None for the whole data, else has `folder` (the truncated catalog), `files` (the
    truncated Databento files), `until` (UTC ns), `outline` and `hide` (pairs of paths). `hidden` in
    the answer is whether original data can be hidden on this system. Raises nothing but interrupts.
    """
    from qe_plugins.research.lookahead.data_isolation import FileWatch, hide

    cut = job["cut"]
    hidden = hide(cut["hide"] if cut else ())  # before any import that starts threads
    watch = FileWatch(path for path, _ in cut["hide"]) if cut and not hidden else None
    try:
        decisions = _record_decisions(job, cut, watch)
    except Exception as error:
        return {
            "error": _error_line(error),
            "code": getattr(error, "exit_code", 1),
            "hidden": hidden,
        }
    return {"decisions": decisions, "hidden": hidden}


def _record_decisions(
    job: dict[str, Any], cut: dict[str, Any] | None, watch: Any
) -> list[Decision]:
    from qe_plugins import project
    from qe_plugins.config.loader import load
    from qe_plugins.engine.running.backtest import stream
    from qe_plugins.engine.running.build import build
    from qe_plugins.engine.running.prepare import prepare
    from qe_plugins.errors import RunError, StrategyError
    from qe_plugins.research.lookahead.decisions import DecisionRecorder

    project.enter(Path.cwd())
    loaded = load(job["config"], job["overrides"])
    if cut is None:
        prepared = prepare(loaded)
    else:
        files = [Path(file) for file in cut["files"]]
        prepared = prepare(loaded, tape=_truncated_tape(cut), files=files)
    log = DecisionRecorder(watch.opened if watch else None)
    built = build(prepared, log)
    log.exception_trap, log.clock = built.context.exception_trap, built.pipeline.clock
    log.note_opened_files("a strategy or plugin, as it was loaded")
    complete, ended = 0, False

    def progress(done: int, records: int) -> None:
        nonlocal complete, ended
        complete, ended = len(log.decisions), done >= records

    try:
        stream(built, prepared.tape, progress)
    except RunError as error:
        if cut is None:
            raise
        if not ended:  # errors at the end of the data are not compared
            who = error.who if isinstance(error, StrategyError) else "the run"
            log.note_failure(who, " ".join(str(error).split()))
            complete = len(log.decisions)
    finally:
        built.context.observers.close()
        built.engine.dispose()
    return log.decisions[:complete]


def _truncated_tape(cut: dict[str, Any]) -> Tape:
    import msgspec

    from qe_plugins.data.truncated_tape import Outline, open_cut

    return open_cut(msgspec.convert(cut["outline"], Outline), Path(cut["folder"]), cut["until"])


def _error_line(error: Exception) -> str:
    from qe_plugins.errors import QeError

    if isinstance(error, QeError):
        return " ".join(str(error).split())
    last = traceback.extract_tb(error.__traceback__)[-1]
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message} ({Path(last.filename).name}:{last.lineno})"
