"""One YAML file becomes a configuration that knows its lines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from qe_plugins.config.loader import load
from qe_plugins.engine.settings.entries import entries
from qe_plugins.errors import ConfigError
from qe_plugins.plugins.base import PluginConfig
from qe_plugins.units import Duration, Fraction, Money

Write = Callable[..., Path]

RUN = """\
name: quiet day
data:
  synthetic:
strategies:
  ema_cross:
    fast: 10
plugins:
  guardian_limits:
    daily_loss: 250 USD
    before_break: 15m
    max_slippage: 20 bps
"""


class Limits(PluginConfig, frozen=True):
    """Settings as a plugin author writes them."""

    daily_loss: Money
    before_break: Duration = 0.0
    max_slippage: Fraction = 0.0


def test_a_forgotten_setting_risks_fifty_dollars_on_one_contract(write: Write) -> None:
    rung = load(write(RUN)).config.rung
    assert (rung.name, rung.risk, rung.max_contracts) == ("1 MES", Decimal(50), 1)


def test_a_tape_may_be_named_with_nothing_after_it(write: Write) -> None:
    data = load(write(RUN)).config.data
    assert data.synthetic is not None
    assert data.synthetic.sessions == 60


def test_a_plugin_gets_its_settings_with_their_units_read(write: Write) -> None:
    limits = load(write(RUN)).decode(Limits, "plugins", "guardian_limits")
    assert limits == Limits(daily_loss=Decimal(250), before_break=900.0, max_slippage=0.002)


def test_a_plugins_misspelt_setting_is_an_error_at_its_line(write: Write) -> None:
    loaded = load(write(RUN.replace("before_break", "before_brake")))
    with pytest.raises(ConfigError) as caught:
        loaded.decode(Limits, "plugins", "guardian_limits")
    assert str(caught.value) == (
        "run.yaml:10: unknown field 'before_brake'. Did you mean 'before_break'?"
    )


def test_what_was_not_written_decodes_as_defaults(write: Write) -> None:
    assert load(write(RUN)).decode(PluginConfig, "plugins", "elsewhere") == PluginConfig()


def test_values_know_their_lines(write: Write) -> None:
    loaded = load(write(RUN), ["rung.risk=25"])
    assert loaded.where("plugins", "guardian_limits", "before_break") == "run.yaml:10"
    assert loaded.where("rung", "risk") == "--set rung.risk"


def test_what_was_not_written_is_placed_at_its_section(write: Write) -> None:
    loaded = load(write(RUN))
    assert loaded.where("data", "bars") == "run.yaml:2"
    assert loaded.where("nautilus", "venue") == "run.yaml:1"


def test_an_error_for_the_caller_is_one_line_with_its_place(write: Write) -> None:
    error = load(write(RUN)).error("no such\nstrategy.", "strategies", "ema_cross", hint="Add it.")
    assert str(error) == "run.yaml:5: no such strategy. Add it."


def test_plain_values_are_as_written(write: Write) -> None:
    loaded = load(write(RUN))
    assert loaded.plain("plugins", "guardian_limits", "daily_loss") == "250 USD"
    assert loaded.plain("plugins", "nobody") is None


def test_a_date_is_midnight_utc_and_another_zone_is_turned_to_utc(write: Write) -> None:
    run = RUN.replace(
        "  synthetic:", "  dbn: tape\n  start: 2024-01-02\n  end: 2024-01-03T00:00-06:00"
    )
    data = load(write(run)).config.data
    assert data.start == datetime(2024, 1, 2, tzinfo=UTC)
    assert data.end == datetime(2024, 1, 3, 6, tzinfo=UTC)


def test_words_that_other_yaml_would_turn_stay_words(write: Write) -> None:
    run = RUN + "    session: 17:30\n    country: no\n    day: 2024-01-02\n"
    settings = load(write(run)).config.plugins["guardian_limits"]
    assert settings is not None
    assert [settings[k] for k in ("session", "country", "day")] == ["17:30", "no", "2024-01-02"]


def test_a_module_of_the_project_is_a_strategy_by_its_name(write: Write) -> None:
    loaded = load(write(RUN))
    [entry] = entries(loaded, "strategies")
    assert (entry.name, entry.path, entry.settings) == ("ema_cross", None, {"fast": 10})
    assert loaded.plain(*entry.keys) == {"fast": 10}


def test_any_class_is_a_strategy_by_its_path(write: Write) -> None:
    mine = "  mine: {path: 'a.b:Mine', config: {size: 2}, config_path: 'a.b:Settings'}"
    loaded = load(write(RUN.replace("  ema_cross:\n    fast: 10", mine)))
    [entry] = entries(loaded, "strategies")
    assert (entry.path, entry.config_path) == ("a.b:Mine", "a.b:Settings")
    assert loaded.plain(*entry.keys) == entry.settings == {"size": 2}


def test_a_key_beside_path_must_be_one_of_three(write: Write) -> None:
    mine = "  mine:\n    path: some.module:Mine\n    confg: {size: 2}"
    loaded = load(write(RUN.replace("  ema_cross:\n    fast: 10", mine)))
    with pytest.raises(ConfigError) as caught:
        entries(loaded, "strategies")
    assert str(caught.value) == "run.yaml:7: unknown field 'confg'. Did you mean 'config'?"
