"""A weighted vote: the side with most of the weight, or no signal.

A vote weighs its confidence times the weight of its plugin. The winning side needs more than
`majority` of all weight and at least `quorum` voters; a tie has no winner. Entry, stop and target
are those of the strongest vote of the winning side.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Annotated

import msgspec

from qe_plugins import Fraction, Plugin, PluginConfig, Role, Signal, hookimpl

Weight = Annotated[float, msgspec.Meta(ge=0)]


class ArbiterVoteConfig(PluginConfig, frozen=True):
    """`weights` are by plugin name, 1 where none is given; `quorum` counts the winning voters."""

    quorum: Annotated[int, msgspec.Meta(ge=1)] = 1
    majority: Annotated[Fraction, msgspec.Meta(ge=0.5, lt=1)] = 0.5
    weights: dict[str, Weight] = msgspec.field(default_factory=dict)


class ArbiterVote(Plugin):
    """Resolves votes into one signal, or none where they disagree."""

    role = Role.ARBITER
    Config = ArbiterVoteConfig
    config: ArbiterVoteConfig

    @hookimpl
    def resolve_signals(self, signals: list[Signal]) -> Signal | None:
        """Return the strongest vote of the side that won."""
        weights = self.config.weights
        weighed = [(vote.confidence * weights.get(vote.source, 1.0), vote) for vote in signals]
        total = sum([weight for weight, _ in weighed])
        for side in dict.fromkeys([vote.side for vote in signals]):
            votes = [one for one in weighed if one[1].side is side]
            weight = sum([weight for weight, _ in votes])
            won = len({vote.source for _, vote in votes})
            if weight > self.config.majority * total and won >= self.config.quorum:
                best = max(votes, key=itemgetter(0))[1]
                voted = len({vote.source for vote in signals})
                share = round(weight / total * 100)
                count = f"{won} of {voted} voted {side!s} with {share}% of the weight"
                reason = f"{count}; {best.source}: {best.reason}"
                return msgspec.structs.replace(best, reason=reason)
        return None
