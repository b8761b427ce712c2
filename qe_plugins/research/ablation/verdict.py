"""One sentence about a fleet from five, each with the power of the comparison behind it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from qe_plugins.research.ablation.comparison import FEWEST, ArmComparison


class Judgement(StrEnum):
    """The five sentences."""

    EARNED = "earned its cost"
    DID_NOT = "did not earn its cost"
    WORSE = "worse than its own votes shuffled"
    NO_DIFFERENCE = "no difference"
    CANNOT_SAY = "cannot say"


class AblationVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement of a fleet and the two comparisons that it rests on.

    `relevant` is the difference of a session that would matter, in currency.
    """

    judgement: Judgement
    to_rotated: ArmComparison
    to_none: ArmComparison
    relevant: float
    currency: str
    contaminated: dict[str, int] = {}

    @property
    def sentence(self) -> str:
        """Return the verdict in words, with the smallest difference that could have been seen."""
        one, money = self.to_rotated, self.currency
        seen = f"could have seen {one.visible:,.2f} {money} a session in 80% of cases"
        measured = (
            f"{one.difference:+,.2f} {money} a session against its votes rotated "
            f"({one.low:+,.2f} to {one.high:+,.2f}), {self.to_none.difference:+,.2f} against none "
            f"({self.to_none.low:+,.2f} to {self.to_none.high:+,.2f})"
        )
        text = f"{self.judgement}: {measured}; {one.sessions} sessions, {seen}"
        if self.judgement is Judgement.CANNOT_SAY:
            text += f", and {self.relevant:,.2f} would matter"
        return f"{text}."

    @property
    def headline(self) -> str:
        """Return the sentence, begun with what may not be believed of it."""
        if not self.contaminated:
            return self.sentence
        counts = ", ".join(f"{count:,} {label}" for label, count in self.contaminated.items())
        return f"CONTAMINATED, no evidence ({counts} decisions): {self.sentence}"


def judge(
    to_rotated: ArmComparison,
    to_none: ArmComparison,
    *,
    relevant: float,
    currency: str,
    contaminated: dict[str, int] | None = None,
) -> AblationVerdict:
    """Return the verdict: a difference to the rotated votes is claimed at 5%, two-sided."""
    if to_rotated.below:
        judgement = Judgement.WORSE
    elif to_rotated.above:
        judgement = Judgement.EARNED if to_none.above else Judgement.DID_NOT
    elif to_rotated.sessions < FEWEST or to_rotated.visible > relevant:
        judgement = Judgement.CANNOT_SAY
    else:
        judgement = Judgement.NO_DIFFERENCE
    return AblationVerdict(
        judgement=judgement,
        to_rotated=to_rotated,
        to_none=to_none,
        relevant=relevant,
        currency=currency,
        contaminated=contaminated or {},
    )
