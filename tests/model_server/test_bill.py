"""The vendor's bill: what our price list says, worked out by somebody else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from qe_plugins.llm.pricelist import price_list
from qe_plugins.llm.prices import cost
from qe_plugins.llm.records import Usage
from tests.model_server import bill


@pytest.mark.parametrize("model", bill.RATES)
@pytest.mark.parametrize("day", [23, 27, 28])
@pytest.mark.parametrize("hour", [0, 1, 3, 4, 6, 9, 10, 23])
def test_the_bill_and_the_price_list_agree_at_every_hour(model, day, hour):
    at = datetime(2026, 11, day, hour, 30, tzinfo=UTC)

    assert bill.price(model, 1_000, 400, 300, at) == cost(
        price_list(), model, Usage(1_000, 400, 300), at
    )
