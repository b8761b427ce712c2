"""The claim: the edge that a strategy is said to have, before any live trade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from types import MappingProxyType
from typing import Any

import msgspec

from qe_plugins.config.decoder import Decoder
from qe_plugins.config.loader import read_tree
from qe_plugins.config.yaml_reader import display
from qe_plugins.errors import ConfigError
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.ladder.rungs import LadderFile, WrittenClaim

BRACKET_SD = 1.43
"""Standard deviation in R of a trade with its stop at 1 R and its target at 2 R."""

LOCKBOX_RUN = "lockbox-"
"""How the ids of runs begin in which the lockbox of a book was opened."""

PASSED_T = 1.645
"""What the t of a lockbox must exceed: 5%, one-sided."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


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


def claim_of(rules: LadderFile, written: WrittenClaim, found: Mapping[str, Any] = NOTHING) -> Claim:
    """Return a written claim as believed by a ladder: its edge shrunk.

    `found` are checks that were found, not written.
    """
    checks = {
        "lockbox": written.lockbox,
        "family_wise": written.family_wise,
        "deflated_sharpe": written.deflated_sharpe,
        "capacity": written.capacity,
        "contaminated": written.contaminated,
        "options_backtest": written.options_backtest,
    }
    return Claim(
        edge=written.edge * rules.shrink,
        sd=written.sd,
        a_day=written.a_day,
        checks=checks | dict(found),
    )


def filed_claim(journal: Journal, rules: LadderFile, file: str) -> Claim:
    """Return the claim in a file: its section `claim:`, shrunk. Raises ConfigError.

    Where it names a book of factors, or is one, `lockbox` and `family_wise` are that book's: the
    lockbox is what the journal has of its opening, and a factor that a person accepted is not
    family-wise.
    """
    path, tree = read_tree(file)
    section = tree.find(("claim",))
    if section is None:
        hint = "It must have `claim: {edge: 0.2, sd: 1.43, lockbox: passed}`."
        raise ConfigError("has no claim.", where=display(path), hint=hint)
    written: WrittenClaim = Decoder(None, ("claim",)).decode(WrittenClaim, section)
    is_book = tree.find(("factors",)) is not None
    book = written.book or (file if is_book else "")
    if not book:
        return claim_of(rules, written)
    return claim_of(rules, written, _checks_of_book(journal, book))


def _checks_of_book(journal: Journal, file: str) -> dict[str, Any]:
    path, tree = read_tree(file)
    book = tree.to_plain()
    name, factors = book.get("hash"), book.get("factors")
    if not name or not factors:
        hint = "`qe factors combine` writes one."
        raise ConfigError("is not a book of factors.", where=display(path), hint=hint)
    accepted = any(one.get("accepted") for one in factors)
    return {"family_wise": not accepted, "lockbox": _lockbox(journal, str(name))}


def _lockbox(journal: Journal, book: str) -> str:
    """Return `passed`, `failed` or `unopened`; a span that other books have seen is failed."""
    for run in journal.runs():
        if run.run_id.startswith(LOCKBOX_RUN):
            for fact in journal.facts(run.run_id, [FactKind.LOCKBOX]):
                if fact.body["book"] == book:
                    passed = float(fact.body["t"]) > PASSED_T and not fact.body["spent"]
                    return "passed" if passed else "failed"
    return "unopened"


def measured(outcomes: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard deviation of outcomes in R; the bracket's sd for fewer than two."""
    count = len(outcomes)
    if not count:
        return 0.0, BRACKET_SD
    mean = sum(outcomes) / count
    if count < 2:
        return mean, BRACKET_SD
    return mean, sqrt(sum((one - mean) ** 2 for one in outcomes) / (count - 1))
