"""Trade the desk's signals with bracket orders.

Thesis: none of its own. Hunters propose, the arbiter resolves their votes into one signal, the
sizer returns a number of contracts, guardians may veto; this strategy sends and cancels the orders.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from nautilus_trader.model import DataType, InstrumentId

from qe_plugins import Side, Signal
from strategies._bracket import Bracketed, Reward, target_of


class SignalFollowerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`instruments` limits the contracts to trade, empty means every signal.

    `reward` is the target in units of risk for signals without one; `contracts` is the size in
    plain Nautilus.
    """

    instruments: list[str] = []
    reward: Reward = 2.0
    contracts: Annotated[int, msgspec.Meta(ge=1)] = 1


class SignalFollower(Bracketed):
    """Hold in each contract the position of its last signal, with a stop."""

    def __init__(self, config: SignalFollowerConfig) -> None:
        super().__init__(config)
        self.after: dict[InstrumentId, Signal] = {}

    def on_start(self) -> None:
        self.subscribe_data(DataType("Signal"))

    def on_data(self, data: Any) -> None:
        signal: Signal = data.data
        if self.config.instruments and signal.instrument_id not in self.config.instruments:
            return
        contract = InstrumentId.from_str(signal.instrument_id)
        if self.is_leaving(contract):
            self.after[contract] = signal
        elif self.net_position(contract) == 0 and signal.side is not Side.FLAT:
            self.follow(signal)
        elif not self.agrees(contract, signal):
            self.after[contract] = signal
            self.leave(contract)

    def on_flat(self, contract: InstrumentId) -> None:
        """Reverse: the signal that closed the last position may open the next one."""
        signal = self.after.pop(contract, None)
        if signal is not None and signal.side is not Side.FLAT:
            self.follow(signal)

    def agrees(self, contract: InstrumentId, signal: Signal) -> bool:
        """Return whether the position is already on the side of the signal."""
        net = self.net_position(contract)
        return signal.side is (Side.LONG if net > 0 else Side.SHORT if net < 0 else Side.FLAT)

    def follow(self, signal: Signal) -> None:
        """Enter, unless the signal has no stop."""
        if signal.entry is None or signal.stop is None:
            self.log.warning(f"not followed, it has no stop: {signal.reason}")
            return
        if signal.target is None:
            target = target_of(signal.entry, signal.stop, self.config.reward)
            signal = msgspec.structs.replace(signal, target=target)
        self.enter(signal)
