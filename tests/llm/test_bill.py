"""The vendor of the tests charges by the hour, as our price list says it does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from qe_plugins.llm.pricing.price_list import cost, price_list
from qe_plugins.llm.requests import Usage
from tests.fakes.model_server.bill import price


@pytest.mark.parametrize("model", ["deepseek-flash", "claude-opus-5-5", "claude-sonnet-5-5"])
def test_bill_and_price_list_agree_at_every_hour_of_two_weeks(model):
    monday = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
    for hours in range(14 * 24):
        at = monday + timedelta(hours=hours)

        assert price(model, 1_000, 640, 300, at) == cost(
            price_list(), model, Usage(1_000, 640, 300), at
        )
