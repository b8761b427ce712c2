"""The house closes what must not be held: after a margin breach, and before a contract expires."""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

from qe_plugins.engine.risk.equity_bound import ContractExposure, StrategyPosition
from qe_plugins.engine.risk.order_request import position
from qe_plugins.errors import RunError
from qe_plugins.journal.facts import FactKind
from qe_plugins.plugins.types import Posture

if TYPE_CHECKING:
    from qe_plugins.engine.recording.recorder import Recorder
    from qe_plugins.engine.risk.margin import MarginCalculator
    from qe_plugins.engine.risk.rules import RiskRules

LOG = logging.getLogger(__name__)


class Liquidator:
    """Watches the account at every bar while anything is held.

    `watching` is false while nothing is held; `deaf` is set where a strategy receives no bars,
    which the bridge then must. Between two prices at which the maintenance margin cannot be
    touched, a bar costs one comparison.
    """

    def __init__(
        self,
        cache: Any,
        margin: MarginCalculator,
        rules: RiskRules,
        recorder: Recorder,
        policy: str,
        take: Callable[[Posture], None],
    ) -> None:
        self._cache, self._margin, self._rules = cache, margin, rules
        self._recorder, self._policy, self._take_posture = recorder, policy, take
        self._kept = margin.kept
        self._lines: dict[Any, ContractExposure] = {}
        self._line: ContractExposure | None = None
        self._ears: set[str] = set()
        self._breached = self.deaf = False
        self.watching = True
        self.said: list[str] = []

    def verify(self) -> None:
        """Raise RunError where a strategy holds something else than its fills come to."""
        for contract, line in self._lines.items():
            for strategy, holder in line.holders.items():
                held = position(self._cache, contract, strategy)
                if held != holder.net:
                    who = f"{strategy} holds {held:f} {contract}"
                    raise RunError(f"{who}, its fills come to {holder.net:g}.")

    def hears(self, instrument: Any, *, still: bool = True) -> None:
        """Note that bars of a contract or of a front are heard by whoever then calls `check`."""
        (self._ears.add if still else self._ears.discard)(str(instrument.symbol))
        for contract, line in self._lines.items():
            line.maintenance = self._most(contract)
        self._kept.forget()
        self.watching = True

    def filled(self, trader: Any, event: Any) -> None:
        """Take a fill of a strategy in."""
        contract, line = event.instrument_id, self._line
        if line is None or line.contract != contract:
            line = self._line = self._line_of(contract)
        size, price, fee = event.last_qty.as_double(), event.last_px.as_double(), event.commission
        if not event.is_buy:
            size = -size
        holder = line.holders.get(strategy := event.strategy_id)
        if holder is None:
            holder = line.holders[strategy] = StrategyPosition(trader, str(strategy), str(contract))
        holder.net += size
        if not holder.alarmed:
            self._set_alarm(holder, line)
        self._kept.take(line, size, price, 0.0 if fee is None else fee.as_double())
        self.watching = not self._kept.settled

    def holder(self, strategy: Any, contract: Any) -> StrategyPosition | None:
        """Return what is known of a strategy in a contract, None where it never traded that."""
        line = self._line
        if line is None or line.contract != contract:
            line = self._lines.get(contract)
        return None if line is None else line.holders.get(strategy)

    def check(self, bar: Any) -> None:
        """Compare what the account is worth with what it must hold. Call while `watching`."""
        if not self._kept.low < bar.close.as_double() < self._kept.high:
            self._look(bar)

    def _look(self, bar: Any) -> None:
        """Ask the engine what the account is worth, and remember it."""
        held = {contract: net for contract, net in self._margin.held().items() if net}
        worth = self._margin.worth()
        needed = self._margin.maintenance(bar.ts_init)
        if held and worth < needed:
            reason = f"the account is worth {worth:,.2f}, {needed:,} is the least"
            self._is_short(bar.ts_init, reason)
            return
        self._breached = False
        if not held:
            self._kept.learn(float(worth))
        elif len(held) == 1:
            ((contract, net),) = held.items()
            if self._tells(bar, contract):
                price = bar.close.as_double()
                self._kept.learn(float(worth), self._line_of(contract), float(net), price)
        self.watching = not self._kept.settled

    def _is_short(self, ts: int, reason: str) -> None:
        if not self._breached and self._policy != "ignore":
            self._breach(ts, reason)
        self._breached = True

    def _tells(self, bar: Any, contract: Any) -> bool:
        """Say whether a bar tells a contract's price: it is its own, or its root's front."""
        return str(bar.bar_type.instrument_id.symbol) in self._names(contract)

    def _line_of(self, contract: Any) -> ContractExposure:
        line = self._lines.get(contract)
        if line is None:
            multiplier = self._cache.instrument(contract).multiplier.as_double()
            line = ContractExposure(contract, multiplier, self._most(contract), {})
            self._lines[contract] = line
        return line

    def _most(self, contract: Any) -> float:
        told = not self._ears.isdisjoint(self._names(contract))
        return self._margin.most(contract) if told else inf

    def _names(self, contract: Any) -> tuple[str, str]:
        return str(contract.symbol), self._cache.instrument(contract).underlying

    def _breach(self, ts: int, reason: str) -> None:
        self._say("margin", ts, reason, policy=self._policy)
        if self._policy == "halt":
            self._take_posture(Posture(reason=f"margin: {reason}", halt=True, source="margin"))
            return
        for contract, line in self._lines.items():
            for holder in line.holders.values():
                self._close(holder.trader, contract, "margin", ts)

    def _set_alarm(self, holder: StrategyPosition, line: ContractExposure) -> None:
        """Close the strategy's position in a contract when its deadline comes."""
        holder.alarmed, contract = True, line.contract
        if (deadline := self._rules.flat_at(contract)) is None:
            return
        clock = holder.trader.clock
        when = max(deadline, clock.timestamp_ns() + 1)
        clock.set_time_alert_ns(f"EXPIRY-{contract}", when, self._expires(holder, contract))

    def _expires(self, holder: StrategyPosition, contract: Any) -> Callable[[Any], None]:
        def ring(event: Any) -> None:
            self._close(holder.trader, contract, "expiry", event.ts_event)
            holder.alarmed = False  # a later fill sets the next

        return ring

    def _close(self, trader: Any, contract: Any, rule: str, ts: int) -> None:
        strategy = trader.strategy_id
        net = position(self._cache, contract, strategy)
        trader.cancel_all_orders(contract)
        if net:
            trader.close_all_positions(contract, tags=[rule.upper()])
            what = f"closes {int(net):+d} {contract} of {strategy}"
            self._say(rule, ts, what, strategy=str(strategy), instrument_id=str(contract))

    def _say(self, rule: str, ts: int, reason: str, **more: str) -> None:
        self._recorder.numbered(FactKind.CLOSING, ts, rule, None, {"reason": reason, **more})
        if rule == "margin":
            LOG.warning("margin: %s", reason)
            self.said.append(f"margin: {reason}")
