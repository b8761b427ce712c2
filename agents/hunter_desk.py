"""The hunts of `qe desk` as votes of the session beside it, each when it has arrived.

The desk writes what each hunt found, and from when on the session can have it; this plugin reads
what is new at every bar. Rerun as a backtest, the session receives the same votes at the same bars.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from agents.hunter_fleet import HunterFleet, HunterFleetConfig
from qe_plugins import History, Plugin, Role, Signal, hookimpl
from qe_plugins.recordings.delivered_signals import DeliveredSignal, SignalFile
from qe_plugins.recordings.delivery import OpinionQueue
from qe_plugins.recordings.folder import folder_of
from qe_plugins.recordings.live_tail import LiveTail

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.model import Bar

SECOND = 1_000_000_000


class HunterDesk(HunterFleet):
    """Votes as the desk's fleet does. `recording` is its fleet's name with `-live`.

    A hunter's signals come with their stops and targets; opinions of a scan get those of the
    settings. What finds no bar within `longest`, or has expired, is dropped.
    """

    role = Role.HUNTER
    Config = HunterFleetConfig
    config: HunterFleetConfig

    def __init__(self, config: HunterFleetConfig) -> None:
        Plugin.__init__(self, config)  # the recording may not exist yet, and grows
        self.tail = LiveTail(folder_of(config.recording))
        self.queue = OpinionQueue((), config.longest)
        self.signals = SignalFile(config.recording)
        self.waiting: list[DeliveredSignal] = []

    @hookimpl
    def contribute_signals(self, bar: Bar, cache: Cache, history: History) -> list[Signal]:
        """Return what has arrived about the contract: signals, and a strong enough opinion."""
        contract, now = str(bar.bar_type.instrument_id), bar.ts_event
        found = [anchored(one, bar) for one in self.arrived(contract, now)]
        self.queue.add(self.tail.opinions())
        opinion = self.queue.take(contract, now)
        if opinion is not None and abs(opinion.score) >= max(self.config.threshold, 1e-9):
            vote = self.vote(opinion, bar, cache, history)
            usd = self.tail.usd[opinion.decided]
            facts = {**vote.facts, "hunt": hunt_name(opinion.decided), "usd": str(usd)}
            found.append(msgspec.structs.replace(vote, facts=facts))
        return found

    def arrived(self, contract: str, now: int) -> list[DeliveredSignal]:
        """Return the signals about a contract that have arrived by `now` (UTC ns), each once."""
        self.waiting += self.signals.new()
        due = [one for one in self.waiting if one.at <= now]
        late = now - round(self.config.longest * SECOND)
        mine = [one for one in due if one.signal.instrument_id == contract]
        self.waiting = [one for one in self.waiting if one not in mine and one.at > late]
        return [one for one in mine if one.at > late and (one.signal.expires or now + 1) > now]


def anchored(one: DeliveredSignal, bar: Bar) -> Signal:
    """Return a signal entered at the bar's close, its stop and target as far away as before."""
    signal, entry = one.signal, bar.close.as_decimal()
    moved = entry - signal.entry if signal.entry is not None else None
    return msgspec.structs.replace(
        signal,
        entry=entry,
        stop=None if signal.stop is None or moved is None else signal.stop + moved,
        target=None if signal.target is None or moved is None else signal.target + moved,
        facts={**signal.facts, "hunt": one.hunt, "usd": str(one.usd)},
    )


def hunt_name(decided: int) -> str:
    """Return the desk's step of a hunt at a moment (UTC ns)."""
    return f"hunt:{datetime.fromtimestamp(decided // SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"
