"""From bars to signals: call the hunters, resolve their votes, publish one signal a contract.

Signals are published as Nautilus custom data of the type `Signal`: a strategy that calls
`self.subscribe_data(DataType("Signal"))` receives them in `on_data` as `data.data`, before the bar.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.common import DataActor
from nautilus_trader.model import Bar, BarType, CustomData, DataType

from qe_plugins.engine.signals.features import NO_FEATURES, TriggeredHunters
from qe_plugins.engine.signals.session_events import SessionCloseDetector, SessionOpenTimer
from qe_plugins.errors import StrategyError, did_you_mean
from qe_plugins.journal.facts import FactKind
from qe_plugins.plugins.types import Signal

if TYPE_CHECKING:
    from qe_plugins.engine.running.context import RunContext
    from qe_plugins.plugins import HookResult

log = logging.getLogger(__name__)

SIGNALS = DataType("Signal")


class SignalPipeline(DataActor):
    """Calls the plugins at every bar. It is hosted as any actor is, so its exceptions are recorded.

    `bar_types` are all those of the data; they are subscribed to only where a plugin or the
    liquidator needs bars.
    """

    _run_context: RunContext

    def __init__(self, bar_types: Iterable[str]) -> None:
        super().__init__()
        self._bar_types = [BarType.from_str(text) for text in bar_types]
        plugins = self._run_context.plugins
        self._contribute_signals = plugins.caller("contribute_signals")
        self._resolve_signals = plugins.caller("resolve_signals")
        self._sessions = SessionCloseDetector(self._run_context)
        self._liquidator = self._run_context.liquidator
        cache, history = self._run_context.cache_view, self._run_context.history
        self._arguments: dict[str, Any] = {
            "cache": cache,
            "history": history,
            "features": NO_FEATURES,
        }
        self._features = self._run_context.features
        self._hunters = TriggeredHunters(self._contribute_signals, self._run_context.triggered)
        self._instruments = self._run_context.instruments
        self._unknown_contracts: set[tuple[str, str]] = set()

    def on_start(self) -> None:
        self._notify_started()
        context = self._run_context
        SessionOpenTimer(context, self.clock).start()
        if context.needs_bars or self._liquidator.needs_bars:
            self._receive_bars()

    def on_bar(self, bar: Bar) -> None:
        if self._liquidator.active:
            self._liquidator.on_bar(bar)
        if self._sessions.active:
            self._sessions.on_bar(bar)
        answers = self._answers(bar)
        if answers:
            self._process(answers, bar)

    def learn(self, bar: Bar) -> None:
        """Have features and hunters take a bar of history; what they propose on it is dropped."""
        for answer in self._answers(bar):
            if answer.error is not None:
                error, ts = answer.error, bar.ts_event
                self._record_failure(answer.plugin, "contribute_signals", error, ts)

    def _answers(self, bar: Bar) -> list[HookResult]:
        """Advance the features, and return what the hunters that are active at a bar answer."""
        if self._features.active:
            view = self._features.advance(bar)
            self._arguments["features"] = NO_FEATURES if view is None else view
            if not self._hunters.set_active(view):
                return []
        if self._contribute_signals is None:
            return []
        self._arguments["bar"] = bar
        return self._contribute_signals.call_quietly(self._arguments)

    def finish(self) -> None:
        """Close the last trade and the last session. Call when the run is over."""
        context = self._run_context
        if context.observers.wants("trade_closed"):
            context.trade_booker.book_until()
        self._sessions.close()

    def _receive_bars(self) -> None:
        self._subscribe(self._bar_types)

    def _subscribe(self, bar_types: list[BarType]) -> None:
        """Receive bars before every other component."""
        self._run_context.dispatcher.subscribe_first(self, bar_types)
        for bar_type in bar_types:
            self._liquidator.track(bar_type.instrument_id)

    def _notify_started(self) -> None:
        """Call `engine_started`. Raises StrategyError where a plugin fails."""
        context = self._run_context
        arguments = {"cache": context.cache_view, "portfolio": context.portfolio}
        answers = context.plugins.call("engine_started", **arguments)
        for answer in answers:
            if answer.error is not None:
                details = "".join(traceback.format_exception(answer.error)).rstrip()
                who = f"plugin {answer.plugin}"
                raise StrategyError(who, answer.error, at="engine_started", details=details)

    def _process(self, answers: list[HookResult], bar: Bar) -> None:
        """Record the plugins' votes, and publish the resolved signal of each contract."""
        votes = self._votes(answers, bar)
        if len(votes) == 1:
            self._publish(bar, votes)
            return
        for instrument_id in dict.fromkeys([vote.instrument_id for vote in votes]):
            self._publish(bar, [v for v in votes if v.instrument_id == instrument_id])

    def _votes(self, answers: list[HookResult], bar: Bar) -> list[Signal]:
        """Return the plugins' votes at this bar, stamped and recorded, in call order."""
        recorder, ts = self._run_context.recorder, bar.ts_event
        votes: list[Signal] = []
        for answer in answers:
            if answer.error is not None:
                self._record_failure(answer.plugin, "contribute_signals", answer.error, ts)
                continue
            value = answer.value
            for vote in (value,) if isinstance(value, Signal) else value:
                if self._instruments[vote.instrument_id] is None:
                    self._reject_unknown(answer.plugin, vote.instrument_id, ts)
                    continue
                if vote.expires is not None and ts >= vote.expires:
                    late = ValueError(f"the proposal expired {(ts - vote.expires) / 1e9:g} s ago")
                    self._record_failure(answer.plugin, "contribute_signals", late, ts)
                    continue
                votes.append(stamped(vote, recorder.new_id(FactKind.VOTE), answer.plugin, ts))
                if self._features.active:
                    contract = str(bar.bar_type.instrument_id)
                    read = self._features.declared_by(answer.plugin, contract)
                    recorder.features[votes[-1].id] = read
        if votes:
            recorder.voted(bar, votes)
        return votes

    def _reject_unknown(self, plugin: str, name: str, ts: int) -> None:
        """Count a vote for a contract that is not in the data; report each contract once."""
        self._run_context.plugins.failed(plugin, "contribute_signals")
        if (plugin, name) in self._unknown_contracts:
            return
        self._unknown_contracts.add((plugin, name))
        known = sorted({str(bar_type.instrument_id) for bar_type in self._bar_types})
        hint = did_you_mean(name, known) or f"There is {', '.join(known[:3])}."
        error = ValueError(f"no contract {name} here. {hint}")
        log.error("%s, contribute_signals: %s", plugin, error)
        self._record_failure(plugin, "contribute_signals", error, ts)

    def _publish(self, bar: Bar, votes: list[Signal]) -> None:
        """Resolve the votes for one contract and publish the signal, if there is one."""
        answer = self._resolution(votes, bar.ts_event)
        if answer is None:
            return
        recorder = self._run_context.recorder
        signal = stamped(
            answer.value, recorder.new_id(FactKind.SIGNAL), answer.plugin, bar.ts_event
        )
        recorder.signal(signal, votes)
        self.publish_data(SIGNALS, CustomData(SIGNALS, signal))

    def _resolution(self, votes: list[Signal], ts: int) -> HookResult | None:
        """Return the answer of `resolve_signals` for the contract of the votes, if any."""
        if self._resolve_signals is None:
            return None
        contract = votes[0].instrument_id
        arguments = {
            "signals": votes,
            "instrument": self._instruments[contract],
            "portfolio": self._run_context.portfolio,
        }
        for answer in self._resolve_signals.call_quietly(arguments):
            if answer.error is not None:
                self._record_failure(answer.plugin, "resolve_signals", answer.error, ts)
            elif answer.value is not None and answer.value.instrument_id != contract:
                error = ValueError(
                    f"answered for {answer.value.instrument_id}, the votes are for {contract}"
                )
                self._record_failure(answer.plugin, "resolve_signals", error, ts)
            elif answer.value is not None:
                return answer
        return None

    def _record_failure(self, plugin: str, hook: str, error: BaseException, ts: int) -> None:
        self._run_context.recorder.failure(plugin, hook, error, ts)


def stamped(signal: Signal, signal_id: str, source: str, ts: int) -> Signal:
    """Return `signal` with its id, the plugin's name and the bar's time (UTC ns)."""
    return msgspec.structs.replace(signal, id=signal_id, source=source, ts_event=ts)
