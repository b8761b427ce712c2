"""Any Nautilus strategy, actor or algorithm runs by import path, however it is configured."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from nautilus_trader.model import BarType, InstrumentId

from qe_plugins.config.loader import Loaded
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.engine.running.components import components
from qe_plugins.errors import ConfigError
from tests.engine import authors
from tests.engine.conftest import CONTRACT

Settings = Callable[..., Loaded]
Trade = Callable[..., BacktestResult]
BARS = f"{CONTRACT}-1-MINUTE-LAST-EXTERNAL"
HERE = "tests.engine.authors"


def named(author: str, config: dict[str, Any], **more: str) -> dict[str, Any]:
    """Return a section that names one class by its path."""
    return {"one": {"path": f"{HERE}:{author}", "config": config, **more}}


@pytest.fixture
def given(settings: Settings) -> Callable[..., Any]:
    """Return a function that makes a strategy by its path and returns what it was given."""

    def make(author: str, config: dict[str, Any], **more: str) -> Any:
        loaded = settings(None, strategies=named(author, config, **more))
        authors.made.clear()
        [part] = components(loaded, "strategies")
        part.construct(part.author)
        return authors.made[-1]

    return make


def test_the_annotation_of_config_says_which_class_the_settings_are(given: Callable) -> None:
    expected = authors.AnnotatedSettings(bar_type=BARS, size=3)
    assert given("Annotated", {"bar_type": BARS, "size": 3}) == expected


def test_without_annotation_it_is_the_config_class_of_the_same_name(given: Callable) -> None:
    assert given("Beside", {"bar_type": BARS}) == authors.BesideConfig(bar_type=BARS)


def test_config_path_names_it_where_nothing_else_does(given: Callable) -> None:
    path = f"{HERE}:AnnotatedSettings"
    expected = authors.AnnotatedSettings(bar_type=BARS)
    assert given("Elsewhere", {"bar_type": BARS}, config_path=path) == expected


def test_config_path_counts_more_than_the_annotation(given: Callable) -> None:
    path = f"{HERE}:BesideConfig"
    expected = authors.BesideConfig(bar_type=BARS)
    assert given("Annotated", {"bar_type": BARS}, config_path=path) == expected


def test_an_heir_takes_the_settings_of_its_parent(given: Callable) -> None:
    assert given("Heir", {"bar_type": BARS}) == authors.AnnotatedSettings(bar_type=BARS)


def test_a_config_that_may_be_anything_is_made_without_settings(given: Callable) -> None:
    assert given("Careless", {}) is None


def test_a_nautilus_config_gets_ids_bar_types_and_decimals(given: Callable) -> None:
    settings = {"instrument_id": CONTRACT, "bar_type": BARS, "risk": "0.25"}
    config = given("Native", settings)
    assert isinstance(config, authors.NativeConfig)
    assert config.instrument_id == InstrumentId.from_str(CONTRACT)
    assert config.bar_type == BarType.from_str(BARS)
    assert config.risk == Decimal("0.25")


def test_a_number_in_yaml_is_the_decimal_that_is_written(given: Callable) -> None:
    settings = {"instrument_id": CONTRACT, "bar_type": BARS, "risk": 0.1}
    assert given("Native", settings).risk == Decimal("0.1")


def test_a_class_without_config_takes_its_settings_one_by_one(given: Callable) -> None:
    settings = {"bar_type": BARS, "size": 2, "note": "mine"}
    assert given("WithPlainArguments", settings) == (BarType.from_str(BARS), Decimal(2), "mine")


@pytest.mark.parametrize(
    ("author", "config", "said"),
    [
        ("Annotated", {"bar_type": BARS, "sise": 2}, "unknown field 'sise'. Did you mean 'size'?"),
        ("Annotated", {}, "missing required field"),
        ("Native", {"instrument_id": CONTRACT}, "NativeConfig refuses its settings"),
        ("Native", {"instrument_id": CONTRACT, "bar_type": "bars"}, "not a BarType: 'bars'."),
        ("WithPlainArguments", {"bar_typ": BARS}, "takes no 'bar_typ'."),
    ],
)
def test_a_wrong_setting_is_an_error_at_its_line(
    given: Callable, author: str, config: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        given(author, config)
    assert said in str(raised.value)
    assert "test.yaml:" in str(raised.value)


def test_two_entries_of_one_class_run_side_by_side(trade: Trade) -> None:
    path = f"{HERE}:Buyer"
    strategies = {
        "one": {"path": path, "config": {"instrument_id": CONTRACT, "contracts": 1}},
        "two": {"path": path, "config": {"instrument_id": CONTRACT, "contracts": 2}},
    }
    outcome = trade(None, strategies=strategies)
    orders = outcome.orders
    assert orders["client_order_id"].n_unique() == len(orders) == 4
    traded = orders.group_by("strategy").agg(pl.col("quantity").unique().item()).sort("strategy")
    assert traded["quantity"].to_list() == [1.0, 2.0]
    assert traded["strategy"].n_unique() == 2
    assert outcome.positions["quantity"].sort().to_list() == [1.0, 2.0]
    assert outcome.positions["id"].n_unique() == 2


def test_an_actor_runs_beside_the_strategies(trade: Trade) -> None:
    authors.made.clear()
    trade(None, actors=named("Watcher", {"bar_type": BARS}))
    assert len(authors.made) == 10


def test_an_execution_algorithm_works_the_orders_that_are_sent_to_it(trade: Trade) -> None:
    buyer = {"instrument_id": CONTRACT, "contracts": 3, "algorithm": "SPLITTER"}
    splitter = named("Splitter", {"name": "SPLITTER"})
    outcome = trade(None, strategies=named("Buyer", buyer), exec_algorithms=splitter)
    assert outcome.fills["quantity"].to_list() == [1.0] * 6
    assert outcome.positions["quantity"].to_list() == [3.0]
