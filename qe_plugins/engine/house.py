"""The house closes what must not be held: after a margin breach, and before a contract expires."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from qe_plugins.decisions import Posture
from qe_plugins.engine.exposure import position
from qe_plugins.engine.gate import Gate
from qe_plugins.engine.margin import Margin
from qe_plugins.engine.recorder import Recorder
from qe_plugins.engine.rules import Rules
from qe_plugins.journal.records import Kind

LOG = logging.getLogger(__name__)
Safe = tuple[float, float]
"""Two prices between which closes of the only contract held need no look."""

NEVER: Safe = (0.0, 0.0)


class House:
    """Watches the account at every bar while anything is held.

    `watching` is false while nothing is; `deaf` is set where a strategy hears no bars, which the
    bridge then must. Between two prices at which the maintenance margin cannot be touched, a bar
    costs one comparison.
    """

    def __init__(
        self, cache: Any, margin: Margin, rules: Rules, recorder: Recorder, gate: Gate, policy: str
    ) -> None:
        self._cache, self._margin, self._rules = cache, margin, rules
        self._recorder, self._gate, self._policy = recorder, gate, policy
        self._traders: dict[tuple[Any, Any], Any] = {}
        self._safe: Safe = NEVER
        self._contract: Any = None
        self._root, self._multiplier = "", 1.0
        self._breached = self.watching = self.deaf = False
        self.said: list[str] = []

    def filled(self, trader: Any, event: Any) -> None:
        """Take a fill of a strategy in."""
        key = (event.strategy_id, event.instrument_id)
        if key not in self._traders:
            self._traders[key] = trader
            self._set_alarm(trader, event.instrument_id)
        if event.instrument_id != self._contract:
            self._contract = event.instrument_id
            instrument = self._cache.instrument(self._contract)
            self._root, self._multiplier = instrument.underlying, instrument.multiplier.as_double()
        self.watching, self._safe = self._policy != "ignore", NEVER

    def check(self, bar: Any) -> None:
        """Compare what the account is worth with what it must hold. Call while `watching`."""
        low, high = self._safe
        if not low < bar.close.as_double() < high:
            self._look(bar)

    def _look(self, bar: Any) -> None:
        if self._margin.overnight and self._glance(bar):
            return
        held = {contract: net for contract, net in self._margin.held().items() if net}
        if not held:
            self.watching = self._breached = False
            return
        worth, needed = self._margin.worth(), self._margin.maintenance(bar.ts_init)
        if worth >= needed:
            self._breached = False
        elif not self._breached:
            self._breached = True
            self._breach(bar.ts_init, f"the account is worth {worth:,}, {needed:,} is the least")

    def _glance(self, bar: Any) -> bool:
        """Find the prices between which half of what is spare is not lost, where one contract is.

        Say whether there are any.
        """
        contract = self._contract
        if self._cache.positions_open_count() != 1 or not self._is_told_by(bar):
            return False
        net = abs(float(self._margin.net(contract)))
        least = net * float(self._margin.most(contract))
        spare = self._margin.about() - least
        if net == 0 or spare <= 0:
            return False
        away, close = spare / 2 / net / self._multiplier, bar.close.as_double()
        self._safe, self._breached = (close - away, close + away), False
        return True

    def _is_told_by(self, bar: Any) -> bool:
        """Say whether a bar tells the price of what is held: its own, or its root's front."""
        heard = bar.bar_type.instrument_id
        return heard == self._contract or str(heard.symbol) == self._root

    def _breach(self, ts: int, reason: str) -> None:
        self._say("margin", ts, reason, policy=self._policy)
        if self._policy == "halt":
            self._gate.posture = Posture(reason=f"margin: {reason}", halt=True, source="margin")
            return
        for (strategy, contract), trader in self._traders.items():
            self._close(trader, strategy, contract, "margin", ts)

    def _set_alarm(self, trader: Any, contract: Any) -> None:
        """Close the strategy's position in a contract when its deadline comes."""
        if (deadline := self._rules.flat_at(contract)) is None:
            return
        when = max(deadline, trader.clock.timestamp_ns() + 1)
        trader.clock.set_time_alert_ns(f"EXPIRY-{contract}", when, self._expires(trader, contract))

    def _expires(self, trader: Any, contract: Any) -> Callable[[Any], None]:
        def ring(event: Any) -> None:
            self._close(trader, trader.strategy_id, contract, "expiry", event.ts_event)
            del self._traders[trader.strategy_id, contract]  # a later fill sets the next alarm

        return ring

    def _close(self, trader: Any, strategy: Any, contract: Any, rule: str, ts: int) -> None:
        net = position(self._cache, contract, strategy)
        trader.cancel_all_orders(contract)
        if net:
            trader.close_all_positions(contract, tags=[rule.upper()])
            what = f"closes {int(net):+d} {contract} of {strategy}"
            self._say(rule, ts, what, strategy=str(strategy), instrument_id=str(contract))

    def _say(self, rule: str, ts: int, reason: str, **more: str) -> None:
        self._recorder.numbered(Kind.CLOSING, ts, rule, None, {"reason": reason, **more})
        if rule == "margin":
            LOG.warning("margin: %s", reason)
            self.said.append(f"margin: {reason}")
