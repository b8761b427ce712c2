"""A test's outcome in words."""

from __future__ import annotations

from qe_plugins.research.factors.combination import sound
from qe_plugins.research.factors.factor_test import MOST_IC, FactorResult


def sentence(result: FactorResult) -> str:
    """Return the verdict on a test in one sentence."""
    tested, survivors, sure = len(result.factors), result.survivors, sound(result)
    yardstick = result.yardstick
    chance = f"chance alone leaves {yardstick.mean:.1f} ± {yardstick.spread:.1f}"
    if not survivors:
        return f"None of {tested:,} features holds in both halves; {chance}."
    held = f"{len(survivors)} of {tested:,} features hold in both halves, where {chance}"
    suspect = len(_suspect(result))
    if suspect:
        have = "has" if suspect == 1 else "have"
        held = f"{held}; {suspect} of them {have} an IC that suggests a look-ahead"
    if not sure and suspect:
        return f"{held}, and no other is significant outside of their clusters."
    if not sure:
        return f"{held}; none is significant among all that were tested."
    paying = [one for one in sure if one.pays]
    heads = len({one.cluster for one in sure})
    clusters = "1 cluster" if heads == 1 else f"{heads} clusters"
    are = "is" if len(sure) == 1 else "are"
    found = f"{held}; {len(sure)} in {clusters} {are} significant among all that were tested"
    if not paying:
        return f"{found}, and none of them pays its costs: true and useless."
    return f"{found}, and {len(paying)} of them predict{'s' * (len(paying) == 1)} more than costs."


def caution(result: FactorResult) -> list[str]:
    """Return what a reader must know before using the result."""
    found = []
    paid = result.economics
    if paid.confirmable > paid.break_even:
        found.append(
            f"This history confirms an IC of {paid.confirmable:.3f} in 80% of cases and costs need "
            f"{paid.break_even:.3f}: a factor between them pays and cannot be told from chance."
        )
    suspect = _suspect(result)
    if suspect:
        found.append(
            f"An IC above {MOST_IC} in both halves is a look-ahead until it is explained: "
            f"{', '.join(suspect[:3])}. `qe features check` looks for it, and no book takes it."
        )
    beside = [one.name for one in result.family_wise if one not in sound(result)]
    if beside:
        found.append(
            "In a cluster with a suspect factor, which may see the same, so that a book takes them "
            f"only with --accept: {', '.join(beside[:3])}."
        )
    shared = [one.name for one in result.survivors if one.shares]
    if shared:
        names = ", ".join(shared[:3])
        found.append(f"Both halves see the same bars through a lookback over a month: {names}.")
    if result.untested:
        count = len(result.untested)
        were = "1 feature was" if count == 1 else f"{count:,} features were"
        found.append(f"{were} not tested; `--json` has why.")
    return found


def _suspect(result: FactorResult) -> list[str]:
    return [one.name for one in result.factors if one.state == "suspect"]
