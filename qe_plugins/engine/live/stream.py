"""A session on a backtest engine: recorded data moment by moment, paced, on any platform."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from qe_plugins.engine.running.assembly import Assembly
from qe_plugins.engine.running.backtest import process, stream
from qe_plugins.engine.running.build import BuiltRun, build

if TYPE_CHECKING:
    from qe_plugins.engine.live.pacing import Pace
    from qe_plugins.engine.live.view import Viewer
    from qe_plugins.engine.recording.recorder import Recorder
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.engine.running.prepare import PreparedRun
    from qe_plugins.halt.latch import HaltLatch


SECOND = 1_000_000_000


class SessionEnded(Exception):  # noqa: N818 - it is no error
    """The session was asked to end."""


class StreamVenue:
    """The backtest engine of a session. `last` is the time of the last record processed (UTC ns).

    Records of one moment are processed together, since a strategy receives them so in a backtest.
    """

    def __init__(
        self,
        prepared: PreparedRun,
        recorder: Recorder | None = None,
        latch: HaltLatch | None = None,
    ) -> None:
        self._prepared = prepared
        self.built: BuiltRun = build(prepared, recorder, latch)
        self.last = prepared.tape.start
        self.complete = False

    @property
    def context(self) -> RunContext:
        """Return what the parts of the session share."""
        return self.built.context

    @property
    def assembly(self) -> Assembly:
        """Return the session's components."""
        return Assembly(self.built.context, self.built.pipeline)

    def skew(self) -> float:
        """Return the seconds by which the engine's clock is past the last record."""
        return (self.built.pipeline.clock.timestamp_ns() - self.last) / SECOND

    def run(self, pace: Pace, viewer: Viewer) -> None:
        """Process the data until it ends, or until `pace` says that the session shall end."""

        def feed(built: BuiltRun, records: Sequence[Any]) -> None:
            for ts, at_once in moments(records):
                if not pace.wait(ts, viewer.idle):
                    raise SessionEnded
                process(built, at_once)
                self.last = max(self.last, ts)
                viewer.at(ts)

        try:
            stream(self.built, self._prepared.tape, None, feed)
            self.complete = True
        except SessionEnded:
            self.end()
        viewer.at(self.last, now=True)

    def end(self) -> None:
        """Stop the components before the data ends, without settling what they hold."""
        self.built.engine.end()
        self.built.context.exception_trap.reraise()
        self.built.pipeline.finish()

    def dispose(self) -> None:
        """Free the engine."""
        self.built.context.observers.close()
        self.built.engine.dispose()


def moments(records: Sequence[Any]) -> Iterator[tuple[int, list[Any]]]:
    """Yield the records of each moment with its time (UTC nanoseconds)."""
    for ts, group in groupby(records, key=attrgetter("ts_init")):
        yield ts, list(group)
