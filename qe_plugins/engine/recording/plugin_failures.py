"""What plugins raised in a run: equal failures are one, with a count, and too many end the run."""

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

    `where` is `agents/hunter.py:12`, empty where the hook raised nothing but gave a wrong answer;
    `first` and `last` are UTC nanoseconds; `traceback` is that of the first.
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
    """The failures of one run. `most` is how many there may be. Any thread may add one."""

    def __init__(self) -> None:
        self.most = 100
        self._total = 0
        self._known: dict[tuple[str, str, str, str], FailureCount] = {}
        self._lock = threading.Lock()

    def add(self, plugin: str, hook: str, error: BaseException, ts: int) -> None:
        """Count what a plugin raised in a hook at a moment of the market (UTC nanoseconds)."""
        said, where = safe_text.named(error), place_of(error)
        with self._lock:
            self._total += 1
            key = (plugin, hook, said, where)
            known = self._known.get(key)
            if known is None:
                text = "".join(traceback.format_exception(_trimmed(error))).rstrip()
                known = FailureCount(plugin, hook, said, where, ts, ts, safe_text.writable(text))
                self._known[key] = known
            known.count += 1
            known.first, known.last = min(known.first, ts), max(known.last, ts)

    def check(self) -> None:
        """Raise PluginFailures where there were more than there may be."""
        if self._total > self.most:
            first = self.listed()[0]
            raise PluginFailures(
                f"plugins failed {self._total} times, max_failures is {self.most}: {first}.",
                hint="Mend the plugin, or allow more with --set plugins.max_failures=N.",
                details=first.traceback,
            )

    def listed(self) -> list[FailureCount]:
        """Return the failures by the time of their first, the same in every run."""
        with self._lock:
            known = list(self._known.values())
        return sorted(known, key=lambda one: (one.first, one.plugin, one.hook, one.error))

    def facts(self) -> list[Fact]:
        """Return one fact a failure. Its traceback, with paths of one machine, is not in it."""
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

    def plain(self) -> list[dict[str, Any]]:
        """Return the failures as plain data with tracebacks; `text` is one as a line."""
        return [asdict(one) | {"text": str(one)} for one in self.listed()]


def place_of(error: BaseException) -> str:
    """Return the file and line of a plugin's code that raised, relative to the working folder."""
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
    """Return the error without the frame of ours that called the plugin."""
    trace = error.__traceback__
    if trace is not None and trace.tb_frame.f_code.co_filename == caller.__file__:
        return error.with_traceback(trace.tb_next)
    return error
