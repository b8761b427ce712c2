"""The log of one run: records of `self.log` of strategies and of Python's `logging`.

All of it goes to a file that becomes `run.log` in the run's folder; warnings of quant-engine, and
levels that the user requests, go to standard error too. Times are the market's, in UTC.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from qe_plugins import safe_text
from qe_plugins.engine.settings.nautilus_config import logger_config

if TYPE_CHECKING:
    from qe_plugins.config.loader import Loaded

LEVELS = {"TRACE": 5, "DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "OFF": 100}
"""The engine's names of levels, and Python's numbers."""

OWN_LOGGER = "qe_plugins"
"""The logger whose warnings always go to standard error."""

QUIET_LIBRARIES = ("asyncio", "databento", "filelock", "matplotlib", "sqlalchemy", "urllib3")
"""Libraries of which only warnings are logged."""


class RunLog:
    """An open log. `file` is a temporary file; `clock` returns market time (UTC ns)."""

    def __init__(self, loaded: Loaded, terminal: str | None) -> None:
        settings = loaded.config.logging
        self.file: IO[str] = tempfile.TemporaryFile(  # noqa: SIM115 - it outlives this object
            "w+", encoding="utf-8", errors="replace"
        )
        self.clock: Callable[[], int] | None = None
        self._thread = threading.get_ident()
        shown = terminal or settings.get("stdout_level")
        self._files = _level(settings.get("fileout_level"), "INFO")
        self._terminals = None if shown is None else _level(shown, "INFO")
        parts = settings.get("component_levels") or {}
        self._parts = {name: _level(level, "INFO") for name, level in parts.items()}
        self._only_parts = bool(settings.get("log_components_only"))
        self._silent = bool(settings.get("bypass_logging"))

    @property
    def lowest_level(self) -> int:
        """Return the lowest level at which anything is written."""
        return min(self._files, self._terminals or LEVELS["OFF"], *self._parts.values())

    def write_record(self, record: logging.LogRecord) -> None:
        """Write a record to the file and to standard error, according to their levels."""
        name = getattr(record, "component", record.name)
        if self._silent or (self._only_parts and name not in self._parts):
            return
        if record.levelno < logging.WARNING and record.name.startswith(QUIET_LIBRARIES):
            return
        line = self._format(record, name)
        if record.levelno >= self._parts.get(name, self._files):
            self.file.write(line)
        if record.levelno >= self._shown_from(name, record):
            sys.stderr.write(line)

    def _shown_from(self, name: str, record: logging.LogRecord) -> int:
        if self._terminals is not None:
            return max(self._terminals, self._parts.get(name, 0))
        return logging.WARNING if record.name.startswith(OWN_LOGGER) else LEVELS["OFF"]

    def _format(self, record: logging.LogRecord, name: str) -> str:
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{logging.Formatter().formatException(record.exc_info)}"
        return f"{self._now()} {record.levelname:7} {name}: {safe_text.shown(text, lines=True)}\n"

    def _now(self) -> str:
        """Return market time, `-` on other threads: the engine's clock is for its own alone."""
        if self.clock is None or threading.get_ident() != self._thread:
            return "-"
        moment = datetime.fromtimestamp(self.clock() // 1_000 / 1e6, UTC)
        return f"{moment:%Y-%m-%d %H:%M:%S.%f}Z"


class ComponentLog:
    """Replaces the engine's `self.log` of a component: the same methods, into the run's log."""

    def __init__(self, component: Any) -> None:
        self._component = component

    @property
    def name(self) -> str:
        """Return the component's id; the name of its class before it has one."""
        found = getattr(self._component, "strategy_id", None)
        found = found or getattr(self._component, "actor_id", None)
        name = str(found or type(self._component).__name__)
        return name.removesuffix("-None")  # before the engine has numbered it

    def trace(self, message: str, color: Any = None) -> None:
        self._log(LEVELS["TRACE"], message)

    def debug(self, message: str, color: Any = None) -> None:
        self._log(logging.DEBUG, message)

    def info(self, message: str, color: Any = None) -> None:
        self._log(logging.INFO, message)

    def warning(self, message: str, color: Any = None) -> None:
        self._log(logging.WARNING, message)

    def error(self, message: str, color: Any = None) -> None:
        self._log(logging.ERROR, message)

    def exception(self, message: str = "", color: Any = None) -> None:
        self._log(logging.ERROR, message, exc_info=sys.exc_info()[0] is not None)

    def flush(self) -> None:
        """Do nothing: the log is written when the run is over."""

    def _log(self, level: int, message: str, **more: Any) -> None:
        logger = logging.getLogger(type(self._component).__module__)
        if logger.isEnabledFor(level):
            logger.log(level, "%s", message, extra={"component": self.name}, **more)


class _Handler(logging.Handler):
    def __init__(self, log: RunLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._log.write_record(record)
        except Exception:
            self.handleError(record)


@contextmanager
def logged(loaded: Loaded, terminal: str | None = None) -> Iterator[RunLog]:
    """Write log records to a run's log inside the block. `terminal` is the level shown.

    Raises ConfigError where `logging:` has a setting or level that the engine does not know.
    """
    logger_config(loaded)  # raises for unknown settings and levels
    log, root = RunLog(loaded, terminal), logging.getLogger()
    handler, usual = _Handler(log), root.level
    logging.addLevelName(LEVELS["TRACE"], "TRACE")
    root.addHandler(handler)
    root.setLevel(min(log.lowest_level, usual or logging.WARNING))
    try:
        yield log
    finally:
        root.removeHandler(handler)
        root.setLevel(usual)


def _level(name: Any, otherwise: str) -> int:
    return LEVELS[str(name or otherwise).upper()]
