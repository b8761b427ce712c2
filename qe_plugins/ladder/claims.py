"""The claim: the edge that a strategy is said to have, before any live trade."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import msgspec

from qe_plugins.config.decoder import Decoder
from qe_plugins.config.loader import read_tree
from qe_plugins.config.yaml_reader import display
from qe_plugins.errors import ConfigError
from qe_plugins.ladder.rungs import LadderFile, WrittenClaim

BRACKET_SD = 1.43
"""Standard deviation in R of a trade with its stop at 1 R and its target at 2 R."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An edge in R a trade after costs, as believed: the measured one is already shrunk.

    `sd` is in R a trade, `a_day` the trades of a day. `checks` are the findings about its book that
    open the first rung, by their names in the ladder's file.
    """

    edge: float
    sd: float = BRACKET_SD
    a_day: float = 2.0
    checks: dict[str, Any] = {}

    @property
    def bet(self) -> float:
        """Return the half-Kelly bet on it, as a part of the capital for each R."""
        return max(0.5 * self.edge / self.sd**2, 0.0)


def claim_of(rules: LadderFile, written: WrittenClaim) -> Claim:
    """Return a written claim as believed by a ladder: its edge shrunk."""
    checks = {
        "lockbox": written.lockbox,
        "family_wise": written.family_wise,
        "deflated_sharpe": written.deflated_sharpe,
        "capacity": written.capacity,
        "contaminated": written.contaminated,
        "options_backtest": written.options_backtest,
    }
    return Claim(
        edge=written.edge * rules.shrink, sd=written.sd, a_day=written.a_day, checks=checks
    )


def book_claim(rules: LadderFile, file: str) -> Claim:
    """Return the claim of a book: the section `claim:` of its file, shrunk. Raises ConfigError."""
    path, tree = read_tree(file)
    section = tree.find(("claim",))
    if section is None:
        hint = "It must have `claim: {edge: 0.2, sd: 1.43, lockbox: passed}`."
        raise ConfigError("the book has no claim.", where=display(path), hint=hint)
    written: WrittenClaim = Decoder(None, ("claim",)).decode(WrittenClaim, section)
    return claim_of(rules, written)


def measured(outcomes: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard deviation of outcomes in R; the bracket's sd for fewer than two."""
    count = len(outcomes)
    if not count:
        return 0.0, BRACKET_SD
    mean = sum(outcomes) / count
    if count < 2:
        return mean, BRACKET_SD
    return mean, sqrt(sum((one - mean) ** 2 for one in outcomes) / (count - 1))
