"""When two reasons are the same: word by word, and number by number where nothing runs on."""

from __future__ import annotations

import pytest

from qe_plugins.research.parity.comparison import compare
from qe_plugins.research.parity.items import Key, ParityItem

BREAK = "55 min to the maintenance break"


def vetoed(reason: str) -> dict[Key, ParityItem]:
    key = ("veto", "veto:1")
    values = {"reason": reason}
    return {
        key: ParityItem(
            kind="veto", key=key, ts=1, source="guardian", contract="ES", label="", values=values
        )
    }


@pytest.mark.parametrize(
    ("other", "figures", "same"),
    [
        (BREAK, True, True),
        ("56 min to the maintenance break", True, False),
        ("56 min to the maintenance break", False, True),
        ("lost 142.63, 150 are allowed", False, False),
    ],
)
def test_figures_of_a_reason_may_differ_only_where_the_clock_ran_on(other, figures, same):
    found = compare(vetoed(BREAK), vetoed(other), {}, figures=figures)
    assert (not found.differences) == same
