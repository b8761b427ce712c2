"""Exceptions of plugins in a run: equal ones are counted together, and too many end the run."""

from __future__ import annotations

import sysconfig
import threading
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qe_plugins import safe_text
from qe_plugins.errors import PluginFailures
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.plugins import caller

LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


@dataclass
class FailureCount:
    """Equal failures of one plugin in one hook: same error, raised at the same line.

    `where` is `agents/hunter.py:12`, empty where the hook returned a wrong answer and raised
    nothing; `first` and `last` are UTC nanoseconds; `traceback` is that of the first.
    """

    plugin: str
    hook: str
    error: str
    where: str
    first: int
    last: int
    traceback: str
    count: int = 0

    def __str__(self) -> str:
        times = "once" if self.count == 1 else f"{self.count:,} times"
        at = f", first at {self.where}" if self.where else ""
        return f"{self.plugin} failed {times} in {self.hook}{at}: {' '.join(self.error.split())}"


class PluginFailureLog:
    """The failures of one run; more than `most` end it. Any thread may add one."""

    def __init__(self) -> None:
        self.most = 100
        self._total = 0
        self._known: dict[tuple[str, str, str, str], FailureCount] = {}
        self._lock = threading.Lock()

    def add(self, plugin: str, hook: str, error: BaseException, ts: int) -> None:
        """Count an exception of a plugin in a hook; `ts` is market time (UTC nanoseconds)."""
        text, where = safe_text.named(error), location_of(error)
        with self._lock:
            self._total += 1
            key = (plugin, hook, text, where)
            known = self._known.get(key)
            if known is None:
                shown = "".join(traceback.format_exception(_trimmed(error))).rstrip()
                known = FailureCount(plugin, hook, text, where, ts, ts, safe_text.writable(shown))
                self._known[key] = known
            known.count += 1
            known.first, known.last = min(known.first, ts), max(known.last, ts)

    def check(self) -> None:
        """Raise PluginFailures where there were more failures than `most`."""
        if self._total > self.most:
            first = self.listed()[0]
            raise PluginFailures(
                f"plugins failed {self._total} times, max_failures is {self.most}: {first}.",
                hint="Fix the plugin, or allow more with --set plugins.max_failures=N.",
                details=first.traceback,
            )

    def listed(self) -> list[FailureCount]:
        """Return the failures by the time of their first, in the same order in every run."""
        with self._lock:
            known = list(self._known.values())
        return sorted(known, key=lambda one: (one.first, one.plugin, one.hook, one.error))

    def facts(self) -> list[Fact]:
        """Return one fact a failure, without its traceback: that has paths of one machine."""
        return [
            Fact(
                id=f"{FactKind.FAILURE}:{number}",
                kind=FactKind.FAILURE,
                ts_event=one.first,
                source=one.plugin,
                body={
                    "hook": one.hook,
                    "error": one.error,
                    "where": one.where,
                    "count": one.count,
                    "last": one.last,
                },
            )
            for number, one in enumerate(self.listed(), start=1)
        ]

    def to_plain(self) -> list[dict[str, Any]]:
        """Return the failures as plain data with tracebacks; `text` is the failure in one line."""
        return [asdict(one) | {"text": str(one)} for one in self.listed()]


def location_of(error: BaseException) -> str:
    """Return where a plugin's code raised, as file:line relative to the working folder."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != caller.__file__
    ]
    own = [frame for frame in frames if not frame.filename.startswith(LIBRARIES)] or frames
    if not own:
        return ""
    file, here = Path(own[-1].filename), Path.cwd()
    shown = file.relative_to(here) if file.is_relative_to(here) else file
    return f"{shown}:{own[-1].lineno}"


def _trimmed(error: BaseException) -> BaseException:
    """Return the error without the frame of qe_plugins that called the plugin."""
    trace = error.__traceback__
    if trace is not None and trace.tb_frame.f_code.co_filename == caller.__file__:
        return error.with_traceback(trace.tb_next)
    return error
