"""A condor through the days that hurt sellers of options: it loses its width less its credit."""

from __future__ import annotations

import pytest

from qe_plugins.options.scenarios import HISTORIC
from qe_plugins.report.summary import summarize
from tests.engine.option_runs import trade, write_chain

PRICE, WIDTH = 7_007.75, 50
LEGS = {
    "EW2F26 P6900": (1, (1.9, 2.0, 9, 9)),
    "EW2F26 P6950": (-1, (4.0, 4.1, 9, 9)),
    "EW2F26 C7060": (-1, (3.0, 3.1, 9, 9)),
    "EW2F26 C7110": (1, (0.9, 1.0, 9, 9)),
}
CREDIT = 4.0 + 3.0 - 2.0 - 1.0
FEES = 4 * 1.42


@pytest.mark.parametrize("day", HISTORIC)
def test_a_condor_loses_its_width_less_its_credit_in_the_shape_of_a_day(tmp_path, day):
    move, _ = HISTORIC[day]
    path = {n: round(PRICE * (1 + move * (n - 5) / 20) * 4) / 4 for n in range(6, 26)}
    write_chain(prices={0: PRICE} | path, quotes={name: quote for name, (_, quote) in LEGS.items()})
    steps = [{"option": name, "size": size} for name, (size, _) in LEGS.items()]
    outcome = trade(tmp_path, *steps, more="margin: {on_breach: ignore}\n")
    figures = summarize(outcome, tmp_path)

    assert figures["open_contracts"] == 0
    assert figures["net_pnl"] == round(-(WIDTH - CREDIT) * 50 - FEES, 2)
