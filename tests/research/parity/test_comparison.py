"""When two reasons are the same: word by word, and number by number where nothing runs on."""

from __future__ import annotations

import pytest

from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.research.parity.comparison import compare
from qe_plugins.research.parity.items import Key, ParityItem, Reader

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


def test_an_exit_and_a_denied_entry_of_one_bar_are_not_confused_whatever_is_recorded_first():
    def order(number: int, status: str) -> Fact:
        body = {"instrument_id": "ESZ13.XCME", "side": "SELL", "type": "MARKET", "quantity": "1"}
        name = f"order:O-20131010-000700-001-follower-{number}"
        body["status"] = status
        return Fact(id=name, kind=FactKind.ORDER, ts_event=60, source="follower", body=body)

    left, denied = order(9, "FILLED"), order(10, "DENIED")
    items = [Reader([60], {}).read(facts) for facts in ([left, denied], [denied, left])]

    assert not compare(*items, {}, figures=True).differences
    assert [one.values.get("status") for one in items[1].values()] == [
        None,
        "FILLED",
        None,
        "DENIED",
    ]
