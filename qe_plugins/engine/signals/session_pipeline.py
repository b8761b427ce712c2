"""The signal pipeline of a session: it records every bar, and has facts written once a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_trader.model import Bar

from qe_plugins.engine.signals.pipeline import SignalPipeline

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.session_booking import SessionBooker
    from qe_plugins.engine.recording.session_recorder import SessionRecorder

FLUSH = 1_000_000_000
"""Nanoseconds between two writes of what need not be on disk before an order leaves."""


class SessionPipeline(SignalPipeline):
    """A `SignalPipeline` that takes a continued run up where it ended, before anything else."""

    def on_start(self) -> None:
        context = self._run_context
        self._recorder: SessionRecorder = context.session_recorder
        self._booker: SessionBooker = context.trade_booker  # type: ignore[assignment]
        context.resume()
        self._liquidator.adopt(context.strategies)
        if context.timed_flush:
            self.clock.set_timer_ns("FLUSH", FLUSH, callback=self._on_flush)
        super().on_start()

    def on_bar(self, bar: Bar) -> None:
        self._recorder.bar(bar)
        self._booker.on_bar(bar)
        self._liquidator.adopt(self._run_context.strategies)
        super().on_bar(bar)

    def on_stop(self) -> None:
        self._run_context.flush()

    def _on_flush(self, _event: Any) -> None:
        self._run_context.flush()
