"""Desk: what a hosted strategy may ask for, which is a position size and the calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qe_plugins.engine.contracts.instruments import instrument_of, root_of
from qe_plugins.market.contract_key import dated_key
from qe_plugins.market.roll_calendar import sessions_left
from qe_plugins.market.sessions import Session, next_session
from qe_plugins.plugins.types import Signal, Size
from qe_plugins.safe_text import in_words

if TYPE_CHECKING:
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.plugins.base import Features


class Desk:
    """Position sizing and the calendar, for hosted strategies. They reach it as `self.desk`."""

    def __init__(self, context: RunContext) -> None:
        self._run_context = context

    def size(self, signal: Signal) -> int:
        """Return the number of contracts for `signal`, at most what the rung allows.

        Zero means no order: a plugin sized it so, a plugin failed, or no plugin answered. Every
        size is recorded with its reason.
        """
        context = self._run_context
        plugin, size = self._call_size_order(signal)
        largest = context.rung.max_contracts
        if size.contracts > largest:
            reason = f"{size.reason}; {context.rung.title} caps {size.contracts} at {largest}"
            size = Size(largest, reason)
        context.recorder.size(signal, size, plugin, signal.ts_event)
        return size.contracts

    def features(self, instrument_id: str) -> Features:
        """Return the declared features of a contract, or of a root's front, at its last bar."""
        context = self._run_context
        for state in context.front_states:
            if state.front.id == instrument_id and state.past:
                instrument_id = state.front.contract(state.past[-1].ts_event)
        return context.features.of(instrument_id)

    def session(self, instrument_id: str, ts: int) -> Session:
        """Return the session of a contract at `ts` (UTC nanoseconds), or the one that opens next.

        Half days and halts are included: `session.next_stop(ts)` is when trading stops.
        """
        return next_session(root_of(instrument_of(self._run_context.cache, instrument_id)), ts)

    def sessions_to_roll(self, instrument_id: str, ts: int) -> int:
        """Return in how many sessions after this one a contract, or a root's front, may be held.

        0 in the last one. A roll by volume or open interest may come sooner: it is known only on
        the day before.
        """
        instrument = instrument_of(self._run_context.cache, instrument_id)
        front = self._run_context.fronts.get(instrument.underlying)
        contract = front.contract(ts) if front and front.id == instrument_id else instrument_id
        day = next_session(instrument.underlying, ts).date
        key = dated_key(contract.partition(".")[0], day)
        assert key is not None
        return sessions_left(key, day)

    def _call_size_order(self, signal: Signal) -> tuple[str, Size]:
        """Return the name of the plugin that answered, and its size."""
        context = self._run_context
        answers = context.plugins.call(
            "size_order",
            signal=signal,
            instrument=instrument_of(context.cache, signal.instrument_id),
            portfolio=context.portfolio,
            rung=context.rung,
            features=context.features.of(signal.instrument_id),
        )
        for answer in answers:
            if answer.error is not None:
                context.recorder.failure(answer.plugin, "size_order", answer.error, signal.ts_event)
                return answer.plugin, Size(0, f"{answer.plugin} failed: {in_words(answer.error)}")
            if answer.value is not None:
                return answer.plugin, answer.value
        return "engine", Size(0, "no plugin answered size_order")
