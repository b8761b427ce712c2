"""The fleet's recorded opinions as votes, each delivered when it would have arrived.

A run never asks a model. It replays what `qe fleet record` stored: an answer reaches the run at its
decision point plus its latency, at the first bar that closes then or later. A decision without an
answer stops the run.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

import msgspec

from qe_plugins import (
    Duration,
    Fraction,
    History,
    Plugin,
    PluginConfig,
    Role,
    Side,
    Signal,
    hookimpl,
)
from qe_plugins.errors import ReplayMiss
from qe_plugins.recordings.arms import Arm, changed, raw_name, with_workers
from qe_plugins.recordings.delivery import DeliveredOpinion, OpinionQueue, deliveries
from qe_plugins.recordings.folder import read, shown

if TYPE_CHECKING:
    from nautilus_trader.common import Cache
    from nautilus_trader.model import Bar

DAY = 86_400_000_000_000

Positive = Annotated[float, msgspec.Meta(gt=0)]


class HunterFleetConfig(PluginConfig, frozen=True):
    """`recording` is the name given to `qe fleet record`.

    `threshold` is the smallest score for a vote, `stop` the distance to the stop in mean true
    ranges of `noise_bars` bars, `reward` the target in units of that distance. An opinion that
    finds no bar within `longest` of its delivery is dropped. `latency` replaces the recorded one,
    `deliver_as` works it out for so many calls in flight. `arm` and `seed` are for `qe ablate`.
    """

    recording: str
    threshold: Annotated[Fraction, msgspec.Meta(ge=0, le=1)] = 0.1
    stop: Positive = 3.0
    reward: Positive = 2.0
    noise_bars: Annotated[int, msgspec.Meta(ge=2)] = 60
    longest: Annotated[Duration, msgspec.Meta(gt=0)] = 900.0
    latency: Annotated[Duration, msgspec.Meta(ge=0)] | None = None
    deliver_as: Annotated[int, msgspec.Meta(ge=1)] | None = None
    arm: Arm = Arm.FULL
    seed: Annotated[int, msgspec.Meta(ge=0)] = 1


class HunterFleet(Plugin):
    """Votes as the recorded fleet did."""

    role = Role.HUNTER
    Config = HunterFleetConfig
    config: HunterFleetConfig

    def __init__(self, config: HunterFleetConfig) -> None:
        super().__init__(config)
        raw = config.arm is Arm.UNMASKED
        whole = read(raw_name(config.recording) if raw else config.recording)
        recording = with_workers(whole, config.arm, config.seed)
        opinions = deliveries(recording, config.latency, config.deliver_as)
        self.inputs = {f"recording {whole.info.name}": whole.sha256}
        self.queue = OpinionQueue(changed(opinions, config.arm, config.seed), config.longest)
        points = whole.info.points
        self.ends = points[-1] + 2 * min((b - a for a, b in pairwise(points)), default=DAY)

    @hookimpl
    def contribute_signals(self, bar: Bar, cache: Cache, history: History) -> Signal | None:
        """Return the opinion about the bar's contract that has arrived, if it is strong enough.

        Raises ReplayMiss at a bar by which the recording should have had another decision.
        """
        kind, now = bar.bar_type, bar.ts_event
        if now >= self.ends:
            message = f"ends before {shown(self.ends)}, and the run goes on: {shown(now)}."
            hint = "Set the run's 'data.end' to where the recording ends."
            raise ReplayMiss(message, where=f"recording {self.config.recording}", hint=hint)
        opinion = self.queue.take(str(kind.instrument_id), now)
        if opinion is None or abs(opinion.score) < max(self.config.threshold, 1e-9):
            return None
        return self.vote(opinion, bar, cache, history)

    def vote(self, opinion: DeliveredOpinion, bar: Bar, cache: Cache, history: History) -> Signal:
        """Return an opinion as a position with its stop and target, entered at the bar's close."""
        kind = bar.bar_type
        noise = self.mean_true_range(history, str(kind))
        instrument = cache.instrument(kind.instrument_id)
        assert instrument is not None
        tick, entry = instrument.price_increment.as_decimal(), bar.close.as_decimal()
        risk = max(math.ceil(self.config.stop * noise / float(tick)), 1)
        gain = math.ceil(risk * self.config.reward)
        up = 1 if opinion.score > 0 else -1
        return Signal(
            instrument_id=str(kind.instrument_id),
            side=Side.LONG if up > 0 else Side.SHORT,
            reason=f"the fleet's score is {opinion.score:+.2f}, decided {shown(opinion.decided)}",
            confidence=min(opinion.confidence, 1.0),
            entry=entry,
            stop=entry - up * risk * tick,
            target=entry + up * gain * tick,
            facts=facts_of(opinion),
        )

    def mean_true_range(self, history: History, bar_type: str) -> float:
        """Return the mean true range of the last bars in points; 0 where there are none."""
        bars = history.last(bar_type, self.config.noise_bars + 1)
        highs, lows, closes = (bars.floats(name) for name in ("high", "low", "close"))
        ranges = [
            max(high, before) - min(low, before)
            for high, low, before in zip(highs[1:], lows[1:], closes, strict=False)
        ]
        return sum(ranges) / len(ranges) if ranges else 0.0


def facts_of(opinion: DeliveredOpinion) -> dict[str, object]:
    """Return the facts of a vote: when it was decided, and what its model may have known."""
    return {
        "score": opinion.score,
        "decided": opinion.decided,
        "contamination": str(opinion.contamination),
    }
