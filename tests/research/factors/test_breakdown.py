"""A factor by parts of its decisions."""

from datetime import date
from typing import get_args

import msgspec
import numpy as np
import pytest

from qe_plugins.research.factors.breakdown import Part, by_part
from qe_plugins.research.factors.factor_test import FactorData
from qe_plugins.research.factors.settings import Split
from qe_plugins.research.factors.split import divide
from tests.research.factors.made import history


@pytest.fixture(scope="module")
def made() -> tuple[FactorData, np.ndarray]:
    """Return three years of decisions, the second half of 2022 locked, and a planted factor."""
    data, found = history(21, planted=0.08)
    split = Split(lockbox=(date(2022, 7, 1), date(2023, 1, 1)))
    return (
        msgspec.structs.replace(data, halves=divide(data.session, data.session, split)),
        found["values"][:, 0],
    )


@pytest.mark.parametrize("part", get_args(Part.__value__))
def test_parts_share_out_every_decision_that_the_test_read(made, part):
    data, values = made
    found = by_part(data, values, part)
    assert sum(one.decisions for one in found) == data.halves.kept.sum()
    assert np.mean([one.ic for one in found]) == pytest.approx(0.08, abs=0.02)


def test_years_are_in_order_and_the_locked_half_of_one_is_not_read(made):
    found = {one.part: one.sessions for one in by_part(*made, "year")}
    assert list(found) == ["2020", "2021", "2022"]
    assert found["2022"] < 0.6 * found["2021"]


def test_a_factor_of_calm_markets_alone_is_seen_by_volatility(made):
    data, values = made
    deviation = np.random.default_rng(1).lognormal(2, 0.5, len(values))
    calm = deviation < np.quantile(deviation, 1 / 3)
    noise = np.random.default_rng(2).normal(size=len(values))
    label = np.where(calm, data.label, noise)
    rows = [msgspec.structs.replace(data.rows[0], deviation=deviation, label=label)]
    found = by_part(msgspec.structs.replace(data, rows=rows, label=label), values, "volatility")
    assert [one.part for one in found] == ["calm", "usual", "wild"]
    assert found[0].t > 4
    assert max(abs(one.t) for one in found[1:]) < 3
