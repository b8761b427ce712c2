"""The rolls of generated data, known from its volume by construction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date as Date  # noqa: N812 - `date` is the name of a field

import msgspec
import numpy as np

from qe_plugins.data.synthetic.schedule import TapeSchedule
from qe_plugins.market.contract_key import ContractKey


class KnownRoll(msgspec.Struct, frozen=True):
    """`after` trades more than `before` from session `known` on; it is current from `date` on."""

    known: Date
    date: Date
    before: str
    after: str


def known_rolls(
    planned: TapeSchedule, roots: Sequence[str], venue: str
) -> dict[str, list[KnownRoll]]:
    """Return the rolls of each root within the data, oldest first."""
    found: dict[str, list[KnownRoll]] = {root: [] for root in roots}
    for number in range(len(planned.months) - 1):
        ahead = np.flatnonzero(planned.share(number + 1) > planned.share(number))
        if not ahead.size or ahead[0] + 1 >= len(planned.days):
            break
        known, first = planned.days[ahead[0]], planned.days[ahead[0] + 1]
        for root, rolls in found.items():
            before, after = (
                f"{ContractKey(root, one.key.year, one.key.month)}.{venue}"
                for one in planned.months[number : number + 2]
            )
            rolls.append(KnownRoll(known, first, before, after))
    return found
