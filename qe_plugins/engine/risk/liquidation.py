"""Close positions that may no longer be held: after a margin breach, and before expiry."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from math import inf
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import InstrumentId, OptionContract

from qe_plugins.engine.risk.equity_bound import ContractExposure
from qe_plugins.engine.risk.order_request import unfinished
from qe_plugins.journal.facts import FactKind
from qe_plugins.plugins.types import Posture

if TYPE_CHECKING:
    from qe_plugins.engine.accounting.holdings import FillCount, Holdings
    from qe_plugins.engine.recording.recorder import Recorder
    from qe_plugins.engine.risk.margin import MarginCalculator
    from qe_plugins.engine.risk.rules import RiskRules

LOG = logging.getLogger(__name__)

FORCED_CLOSE_TAGS = frozenset({"EXPIRY", "MARGIN"})
"""Tags of the orders of forced closes, each of which closes every position."""

CLOSE_AGAIN = 60 * 1_000_000_000
"""Nanoseconds from one try to close an option before its expiry to the next."""


class Liquidator:
    """Compares equity with the maintenance margin at every bar while a position is open.

    `active` is false while there is no position; `needs_bars` is set where a strategy receives no
    bars, so that the signal pipeline must. `warnings` are for the report. Between two prices at
    which the maintenance margin cannot be reached, a bar costs one comparison.
    """

    def __init__(
        self,
        cache: Any,
        holdings: Holdings,
        margin: MarginCalculator,
        rules: RiskRules,
        recorder: Recorder,
        policy: str,
        set_posture: Callable[[Posture], None],
        in_session: bool = False,
    ) -> None:
        self._cache, self._margin, self._rules = cache, margin, rules
        self._holdings, self._in_session = holdings, in_session
        self._recorder, self._policy, self._set_posture = recorder, policy, set_posture
        self._bound = margin.equity_bound
        self._exposures: dict[Any, ContractExposure] = {}
        self._last_exposure: ContractExposure | None = None
        self._tracked: set[str] = set()
        self._breached = self.needs_bars = False
        self.active = True
        self.warnings: list[str] = []

    def track(self, instrument: Any) -> None:
        """Note that `on_bar` will be called with the bars of a contract or of a front."""
        self._tracked.add(str(instrument.symbol))
        self._tracking_changed()

    def untrack(self, instrument: Any) -> None:
        """Note that `on_bar` will no longer be called with the bars of a contract."""
        self._tracked.discard(str(instrument.symbol))
        self._tracking_changed()

    def _tracking_changed(self) -> None:
        for contract, exposure in self._exposures.items():
            exposure.maintenance = self._largest_maintenance(contract)
        self._bound.invalidate()
        self.active = True

    def on_fill(self, trader: Any, event: Any) -> None:
        """Apply a fill of a strategy."""
        contract, exposure = event.instrument_id, self._last_exposure
        if exposure is None or exposure.contract != contract:
            exposure = self._last_exposure = self._exposure_of(contract)
        size, price, fee = event.last_qty.as_double(), event.last_px.as_double(), event.commission
        if not event.is_buy:
            size = -size
        count = self._holdings.add_fill(trader, event, size)
        if not count.expiry_timer_set:
            self._set_expiry_timer(count, contract)
        self._bound.apply_fill(exposure, size, price, 0.0 if fee is None else fee.as_double())
        self.active = not self._bound.is_flat

    def adopt(self, traders: Iterable[Any]) -> None:
        """Read what a session's strategies hold, and have it closed at its deadline.

        Call as the session starts and whenever positions may have changed.
        """
        for count in self._holdings.recount(traders):
            if not count.expiry_timer_set:
                self._set_expiry_timer(count, InstrumentId.from_str(count.contract))

    def on_bar(self, bar: Any) -> None:
        """Compare equity with the maintenance margin at a bar's close. Call while `active`."""
        if not self._bound.low < bar.close.as_double() < self._bound.high:
            self._revalue(bar)

    def _revalue(self, bar: Any) -> None:
        """Query the engine for the equity; act on a margin breach, else reset the bound."""
        nets = {contract: net for contract, net in self._margin.net_positions().items() if net}
        equity = self._margin.equity()
        required = self._margin.maintenance(bar.ts_init, nets)
        if nets and equity < required:
            reason = f"equity is {equity:,.2f}, the maintenance margin is {required:,}"
            self._on_breach(bar.ts_init, reason)
            return
        self._breached = False
        if self._in_session:
            return  # another's fills move the account, too: every bar is a query
        if not nets:
            self._bound.reset(float(equity))
        elif len(nets) == 1:
            ((contract, net),) = nets.items()
            if self._prices(bar, contract):
                price = bar.close.as_double()
                self._bound.reset(float(equity), self._exposure_of(contract), float(net), price)
        self.active = not self._bound.is_flat

    def _on_breach(self, ts: int, reason: str) -> None:
        """Apply the policy at the first bar of a breach; later close what is left of options."""
        if not self._breached and self._policy != "ignore":
            self._liquidate(ts, reason)
        elif self._breached and self._policy == "liquidate":
            for contract, counts in self._holdings.counts.items():
                for count in counts.values():
                    self._close_rest(count.trader, contract, "margin")
        self._breached = True

    def _close_rest(self, trader: Any, contract: Any, rule: str) -> bool:
        """Close again what a close left of an option: its order took what was quoted, no more.

        Return whether any is held.
        """
        held = isinstance(self._cache.instrument(contract), OptionContract) and bool(
            self._holdings.net(trader.strategy_id, contract)
        )
        mine = {"instrument_id": contract, "strategy_id": trader.strategy_id}
        if held and not unfinished(self._cache, **mine):
            trader._close_contract(contract, [rule.upper()])
        return held

    def _prices(self, bar: Any, contract: Any) -> bool:
        """Return whether a bar prices a contract: it is the contract's own, or its root's front."""
        return str(bar.bar_type.instrument_id.symbol) in self._symbols_of(contract)

    def _exposure_of(self, contract: Any) -> ContractExposure:
        exposure = self._exposures.get(contract)
        if exposure is None:
            multiplier = self._cache.instrument(contract).multiplier.as_double()
            largest = self._largest_maintenance(contract)
            exposure = ContractExposure(contract, multiplier, largest)
            self._exposures[contract] = exposure
        return exposure

    def _largest_maintenance(self, contract: Any) -> float:
        """Return the contract's largest maintenance margin, infinite where no bars price it."""
        priced = not self._tracked.isdisjoint(self._symbols_of(contract))
        return self._margin.largest_maintenance(contract) if priced else inf

    def _symbols_of(self, contract: Any) -> tuple[str, ...]:
        """Return the names whose bars price a contract; none of an option's future does."""
        instrument = self._cache.instrument(contract)
        own = str(contract.symbol)
        return (own,) if isinstance(instrument, OptionContract) else (own, instrument.underlying)

    def _liquidate(self, ts: int, reason: str) -> None:
        self._record("margin", ts, reason, policy=self._policy)
        if self._policy == "halt":
            self._set_posture(Posture(reason=f"margin: {reason}", halt=True, source="margin"))
            return
        for contract, counts in self._holdings.counts.items():
            for count in counts.values():
                self._close(count.trader, contract, "margin", ts)

    def _set_expiry_timer(self, count: FillCount, contract: Any) -> None:
        """Set a timer that closes the strategy's position at the contract's deadline."""
        count.expiry_timer_set = True
        if (deadline := self._rules.flat_at(contract)) is None:
            return
        clock = count.trader.clock
        when = max(deadline, clock.timestamp_ns() + 1)
        clock.set_time_alert_ns(f"EXPIRY-{contract}", when, self._expiry_callback(count, contract))

    def _expiry_callback(self, count: FillCount, contract: Any) -> Callable[[Any], None]:
        def close(event: Any) -> None:
            self._close(count.trader, contract, "expiry", event.ts_event)
            self._set_next_close(count, contract, event.ts_event)

        return close

    def _set_next_close(self, count: FillCount, contract: Any, ts: int) -> None:
        """Set a timer that closes the rest of an option, while there may be one before its expiry.

        Without such a timer a later fill sets the next one.
        """
        instrument, when = self._cache.instrument(contract), ts + CLOSE_AGAIN

        def close_rest(event: Any) -> None:
            count.expiry_timer_set = False
            if self._close_rest(count.trader, contract, "expiry"):
                self._set_next_close(count, contract, event.ts_event)

        is_option = isinstance(instrument, OptionContract)
        count.expiry_timer_set = is_option and when < instrument.expiration_ns
        if count.expiry_timer_set:
            count.trader.clock.set_time_alert_ns(f"EXPIRY-{contract}", when, close_rest)

    def _close(self, trader: Any, contract: Any, rule: str, ts: int) -> None:
        """Cancel a strategy's orders in a contract, close its position and record that."""
        strategy = trader.strategy_id
        net = self._holdings.net(strategy, contract)
        if trader._close_contract(contract, [rule.upper()]):
            reason = f"closes {int(net):+d} {contract} of {strategy}"
            self._record(rule, ts, reason, strategy=str(strategy), instrument_id=str(contract))

    def _record(self, rule: str, ts: int, reason: str, **more: str) -> None:
        self._recorder.numbered(FactKind.CLOSING, ts, rule, None, {"reason": reason, **more})
        if rule == "margin":
            LOG.warning("margin: %s", reason)
            self.warnings.append(f"margin: {reason}")
