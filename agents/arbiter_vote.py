"""A weighted vote: the side that most of the weight is on, or nothing.

A vote weighs its confidence times the weight of the plugin that gave it. The winner needs more than
`majority` of all weight and at least `quorum` voters; a tie has neither. The strongest vote of the
winning side lends its entry, stop and target.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from qe_plugins import Fraction, Plugin, PluginConfig, Role, Side, Signal, hookimpl

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
        total = sum(self.weight(vote) for vote in signals)
        for side in Side:
            votes = [vote for vote in signals if vote.side is side]
            weight = sum(self.weight(vote) for vote in votes)
            if len(voters(votes)) >= self.config.quorum and weight > self.config.majority * total:
                return self.verdict(votes, signals, weight / total)
        return None

    def weight(self, vote: Signal) -> float:
        """Return what a vote weighs."""
        return vote.confidence * self.config.weights.get(vote.source, 1.0)

    def verdict(self, votes: list[Signal], signals: list[Signal], share: float) -> Signal:
        """Return the strongest of the winning votes, saying how the vote went."""
        best = max(votes, key=self.weight)
        count = f"{len(voters(votes))} of {len(voters(signals))} voted {best.side}"
        reason = f"{count} with {share:.0%} of the weight; {best.source}: {best.reason}"
        return msgspec.structs.replace(best, reason=reason)


def voters(votes: list[Signal]) -> set[str]:
    """Return who voted."""
    return {vote.source for vote in votes}
