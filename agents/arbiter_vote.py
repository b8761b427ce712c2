"""A weighted vote: the side that most of the weight is on, or nothing.

A vote weighs its confidence times the weight of the plugin that gave it. The winner needs more than
`majority` of all weight and at least `quorum` voters; a tie has neither. The strongest vote of the
winning side lends its entry, stop and target.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Annotated

import msgspec

from qe_plugins import Fraction, Plugin, PluginConfig, Role, Side, Signal, hookimpl

SIDES = tuple(Side)
Weight = Annotated[float, msgspec.Meta(ge=0)]


class ArbiterVoteConfig(PluginConfig, frozen=True):
    """`weights` are by plugin name, 1 where none is given; `quorum` counts the winning voters."""

    quorum: Annotated[int, msgspec.Meta(ge=1)] = 1
    majority: Annotated[Fraction, msgspec.Meta(ge=0.5, lt=1)] = 0.5
    weights: dict[str, Weight] = msgspec.field(default_factory=dict)


class ArbiterVote(Plugin):
    """Make one signal of many, or none where they disagree."""

    role = Role.ARBITER
    Config = ArbiterVoteConfig
    config: ArbiterVoteConfig

    @hookimpl
    def resolve_signals(self, signals: list[Signal]) -> Signal | None:
        """Return the strongest vote of the side that won."""
        weighed = [(self.weight(vote), vote) for vote in signals]
        total = sum([weight for weight, _ in weighed])
        for side in SIDES:
            votes = [one for one in weighed if one[1].side is side]
            weight = sum([weight for weight, _ in votes])
            if weight > self.config.majority * total and voters(votes) >= self.config.quorum:
                best = max(votes, key=itemgetter(0))[1]
                count = f"{voters(votes)} of {voters(weighed)} voted {side!s}"
                reason = f"{count} with {weight / total:.0%} of the weight; {best.source}: "
                return msgspec.structs.replace(best, reason=reason + best.reason)
        return None

    def weight(self, vote: Signal) -> float:
        """Return what a vote weighs."""
        return vote.confidence * self.config.weights.get(vote.source, 1.0)


def voters(votes: list[tuple[float, Signal]]) -> int:
    """Return how many voted, whatever their weight."""
    return len({vote.source for _, vote in votes})
