"""Features and triggers in a run: what a hunter, a sizer, a guardian and a strategy read."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qe_plugins import Family, Features, Plugin, PluginConfig, Side, Signal, Size, Veto, hookimpl
from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.errors import FeatureError, PluginError
from qe_plugins.features.series import compute
from qe_plugins.journal.facts import FactKind
from tests.engine.conftest import CONTRACT

Run = Callable[..., BacktestResult]
CLOSES = [4750 + 0.25 * round(3 * math.sin(n / 2) + n / 9) for n in range(60)]
DATA = {"closes": CLOSES}


class Reader(Plugin):
    """Reads features at every bar that it is called at."""

    features = ("1m.velocity.5", "5m.velocity.5")

    def __init__(self, config: PluginConfig | None = None) -> None:
        super().__init__(config)
        self.read: list[tuple[int, float, float]] = []

    @hookimpl
    def contribute_signals(self, bar: Any, features: Features) -> None:
        values = features["1m.velocity.5"], features["5m.velocity.5"]
        self.read.append((bar.ts_event, *values))


class Triggered(Reader):
    trigger = "1m.velocity.5 > 0.1"


class Undeclared(Plugin):
    features = ("1m.velocity.5",)

    @hookimpl
    def contribute_signals(self, features: Features) -> None:
        _ = features["1m.velocity.10"]


class Buyer(Plugin):
    """Votes once, at the 20th bar."""

    features = ("1m.place.10",)
    bars = 0

    @hookimpl
    def contribute_signals(self) -> Signal | None:
        self.bars += 1
        return (
            Signal(instrument_id=CONTRACT, side=Side.LONG, reason="a test")
            if self.bars == 20
            else None
        )

    @hookimpl
    def resolve_signals(self, signals: list[Signal]) -> Signal:
        return signals[0]

    @hookimpl
    def size_order(self, features: Features) -> Size:
        return Size(1, f"place {features['1m.place.10']:.2f}")

    @hookimpl
    def veto_order(self, features: Features) -> Veto:
        return Veto(f"place {features['1m.place.10']:.2f}")


class Squeeze(Reader):
    features = ("1m.squeeze",)

    @hookimpl
    def register_features(self) -> list[Family]:
        function = lambda bars: bars.high - bars.low  # noqa: E731
        return [Family(name="squeeze", function=function, lookback=1, meaning="range")]

    @hookimpl
    def contribute_signals(self, bar: Any, features: Features) -> None:
        self.read.append((bar.ts_event, features["1m.squeeze"], 0.0))


def test_a_hunter_reads_the_features_of_each_bar(trade: Run) -> None:
    reader = Reader()
    trade(None, reader, **DATA)
    found = np.array([one for _, one, _ in reader.read])
    bars = np.array([ts for ts, *_ in reader.read])
    minute = 60_000_000_000
    close = np.array(CLOSES)

    expected = np.full(60, np.nan)
    expected[5:] = 1e4 * (np.log(close[5:]) - np.log(close[:-5])) / 5
    assert len(found) == 60
    assert np.allclose(found, expected, atol=1e-3, equal_nan=True)
    later = np.array([one for _, _, one in reader.read])
    changed = bars[1:][np.abs(np.diff(later)) > 0]
    assert (changed % (5 * minute) == 0).all()


def test_a_run_reads_the_same_bits_as_a_batch(trade: Run) -> None:
    reader = Reader()
    trade(None, reader, **DATA)
    alone = compute(_bars(), ["velocity.5"])[:, 0]

    assert np.array_equal([one for _, one, _ in reader.read], alone, equal_nan=True)


def test_a_hunter_with_a_trigger_is_called_where_it_holds(trade: Run) -> None:
    reader, triggered = Reader(), Triggered()
    trade(None, reader, triggered, **DATA)

    expected = [ts for ts, velocity, _ in reader.read if velocity > 0.1]
    assert [ts for ts, *_ in triggered.read] == expected
    assert 5 < len(triggered.read) < 50


def test_a_trigger_of_the_configuration_replaces_that_of_the_class(trade: Run) -> None:
    never = Triggered(PluginConfig(trigger="1m.velocity.5 > 1e6"))
    trade(None, never, **DATA)

    assert never.read == []


def test_an_undeclared_feature_is_a_failure_with_a_suggestion(trade: Run) -> None:
    result = trade(None, Undeclared(), **DATA)
    [fact, *_] = [one for one in result.facts if one.kind is FactKind.FAILURE]

    assert "Did you mean '1m.velocity.5'?" in str(fact)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (PluginConfig(features=("1m.velocty.5",)), "plugin Reader: there is no feature"),
        (PluginConfig(trigger="1m.velocity.5"), "it is a number"),
        (PluginConfig(trigger="1m.velocty.5 > 1"), "plugin Reader: there is no feature"),
    ],
)
def test_a_wrong_name_stops_the_run_before_it_starts(trade: Run, config: Any, says: str) -> None:
    with pytest.raises(FeatureError, match=says):
        trade(None, Reader(config), **DATA)


def test_an_unknown_family_may_be_that_of_a_plugin_that_is_not_named(trade: Run) -> None:
    with pytest.raises(FeatureError) as error:
        trade(None, Reader(PluginConfig(features=("1m.stretch",))), **DATA)
    assert str(error.value.hint).endswith("is known where `plugins:` names the plugin.")


def test_a_trigger_needs_a_hunter(trade: Run) -> None:
    class Sizer(Plugin):
        trigger = "1m.velocity.5 > 1"

        @hookimpl
        def size_order(self) -> Size:
            return Size(1, "one")

    with pytest.raises(PluginError, match="plugin Sizer: a trigger says when"):
        trade(None, Sizer(), **DATA)


def test_a_sizer_and_a_guardian_read_the_features_of_the_last_bar(trade: Run) -> None:
    follower = {"follower": {"path": "tests.engine.signals.test_pipeline:Follower"}}
    result = trade(None, Buyer(), strategies=follower, **DATA)
    low, high = min(CLOSES[9:20]), max(CLOSES[9:20])

    text = f"place {(CLOSES[19] - low) / (high - low):.2f}"
    kinds = {fact.kind for fact in result.facts if text in str(fact)}
    assert {FactKind.SIZE, FactKind.VETO} <= kinds


def test_a_plugins_own_family_is_read_like_any_other(trade: Run) -> None:
    squeeze = Squeeze()
    trade(None, squeeze, **DATA)
    opens = [CLOSES[0], *CLOSES[:-1]]

    assert [v for _, v, _ in squeeze.read] == [
        abs(a - b) for a, b in zip(opens, CLOSES, strict=True)
    ]


def _bars() -> Any:
    from qe_plugins.bars import Bars

    close, opens = np.array(CLOSES), np.array([CLOSES[0], *CLOSES[:-1]])
    stamps = 60_000_000_000 * (1 + np.arange(60))
    columns = {"ts_event": stamps, "ts_init": stamps, "open": opens, "close": close,
               "high": np.maximum(opens, close), "low": np.minimum(opens, close),
               "volume": np.full(60, 100.0)}  # fmt: skip
    return Bars("x", columns)
