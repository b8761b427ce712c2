"""A subscription to data that do not exist is an error: the strategy would wait in vain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import BarType
from nautilus_trader.trading import Strategy

from qe_plugins.config.loader import Loaded
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.availability import AvailableData
from qe_plugins.errors import DataError
from tests.engine.conftest import CONTRACT

MINUTES = f"{CONTRACT}-1-MINUTE-LAST-EXTERNAL"
LISTINGS = AvailableData([CONTRACT], [MINUTES])


class Subscriber(Strategy):
    """Subscribes to bars that it makes up itself."""

    bars = ""

    def on_start(self) -> None:
        self.subscribe_bars(BarType.from_str(self.bars))


class WantsHours(Subscriber):
    bars = f"{CONTRACT}-1-HOUR-LAST-EXTERNAL"


class WantsAnotherContract(Subscriber):
    bars = "MESM24.XCME-1-MINUTE-LAST-EXTERNAL"


class WantsMadeBars(Subscriber):
    """Has the engine make hours of the minutes that are there."""

    bars = f"{CONTRACT}-1-HOUR-LAST-INTERNAL@1-MINUTE-EXTERNAL"


@pytest.mark.parametrize("text", [MINUTES, f"{CONTRACT}-5-MINUTE-LAST-INTERNAL@1-MINUTE-EXTERNAL"])
def test_bars_of_the_tape_and_bars_made_of_them_are_there(text: str) -> None:
    LISTINGS.check_bars(text, "here")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{CONTRACT}-5-MINUTE-LAST-EXTERNAL", "the data has no bars"),
        (f"{CONTRACT}-1-MINUTE-BID-EXTERNAL", "the data has no bars"),
        (f"{CONTRACT}-1-HOUR-LAST-INTERNAL@5-MINUTE-EXTERNAL", "the data has no bars"),
        ("MESM24.XCME-1-MINUTE-LAST-EXTERNAL", "MESM24.XCME"),
        ("ES.c.0-1-MINUTE-LAST-EXTERNAL", "continuous"),
        ("minutes, please", "is no bar type"),
        ("", "is no bar type"),
    ],
)
def test_other_bars_are_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(DataError) as raised:
        LISTINGS.check_bars(text, "run.yaml:7")
    assert str(raised.value).startswith("run.yaml:7: ")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@given(st.text(max_size=40))
def test_whatever_is_written_is_on_the_tape_or_refused(text: str) -> None:
    try:
        LISTINGS.check_bars(text, "here")
    except DataError:
        return
    assert text == MINUTES


@pytest.mark.parametrize(
    ("trader", "said"),
    [
        ("WantsHours", f"the data has no bars {CONTRACT}-1-HOUR-LAST-EXTERNAL"),
        ("WantsAnotherContract", "MESM24.XCME"),
    ],
)
def test_a_subscription_to_what_is_not_there_stops_the_run(
    trade: Callable[..., BacktestResult], trader: str, said: str
) -> None:
    strategies = {"one": {"path": f"{__name__}:{trader}"}}
    with pytest.raises(DataError) as raised:
        trade(None, strategies=strategies)
    assert trader in str(raised.value)
    assert said in str(raised.value)


def test_a_subscription_to_bars_that_the_engine_makes_is_served(
    trade: Callable[..., BacktestResult],
) -> None:
    outcome = trade(None, strategies={"one": {"path": f"{__name__}:WantsMadeBars"}})
    assert outcome.data.bars == 10


@pytest.mark.parametrize(
    "settings_of",
    [
        {"instrument_id": "MESM24.XCME"},
        {"instruments": [CONTRACT, "MESM24.XCME"]},
        {"bar_types": [MINUTES, "MESM24.XCME-1-MINUTE-LAST-EXTERNAL"]},
    ],
)
def test_settings_that_name_a_contract_are_checked_before_the_run(
    settings: Callable[..., Loaded], settings_of: dict[str, Any]
) -> None:
    from qe_plugins.engine.settings.entries import entries

    strategies = {"one": {"path": f"{__name__}:WantsHours", "config": settings_of}}
    loaded = settings(None, strategies=strategies)
    [entry] = entries(loaded, "strategies")
    with pytest.raises(DataError, match="MESM24") as raised:
        LISTINGS.check_settings(loaded, entry)
    assert "test.yaml:" in str(raised.value)
