"""The hunter of a book, with the features that a test sets."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from nautilus_trader.model import BarType

from agents.hunter_factors import DAY, DEVIATION, HunterFactors, HunterFactorsConfig
from qe_plugins import Side
from qe_plugins.errors import ConfigError
from qe_plugins.research.factors import book
from tests.research.factors.made_book import written

NAME = "1m.velocity.30"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    factor = book.BookFactor(
        name=NAME, sign=-1, weight=1.0, centre=0.0, scale=1.0, mean=0.0, scalar=12.0
    )
    return written(tmp_path, session="all", factors=[factor])


def traded(ts: int, volume: int) -> SimpleNamespace:
    """Return a history of two bars: one of two days ago, and one with a volume."""
    stamps = np.array([ts - 2 * DAY, ts])
    return SimpleNamespace(ts_event=stamps, volume=np.array([10_000, volume]))


@pytest.fixture
def propose(
    file: Path,
    qe_plugins: Any,
    qe_bar: Any,
    qe_contract: Any,
    qe_features: Any,
) -> Any:
    hunter = HunterFactors(HunterFactorsConfig(book=str(file)))
    desk = qe_plugins(hunter)
    following = BarType.from_str("MESM24.XCME-1-MINUTE-LAST-EXTERNAL")
    kinds: list[Any] = []
    cache = SimpleNamespace(instrument=lambda _: qe_contract, bar_types=lambda _: kinds)

    def call(velocity: float, minute: int = 15, temperature: float = 0.5, rolled: int = 0) -> Any:
        bar = qe_bar(4750, at=f"2024-01-03 15:{minute:02}")
        features = qe_features({NAME: velocity, DEVIATION: temperature})
        volumes = {str(bar.bar_type): 100, str(following): rolled}
        kinds[:] = [bar.bar_type, following]
        history = SimpleNamespace(last=lambda kind, _: traded(bar.ts_event, volumes[kind]))
        given = {"bar": bar, "cache": cache, "features": features, "history": history}
        [answer] = desk.call("contribute_signals", **given)
        assert answer.error is None
        return answer.value

    return call


def test_it_sells_what_the_book_says_falls_with_a_stop_above(propose: Any) -> None:
    signal = propose(1.5)
    assert signal.side is Side.SHORT
    assert signal.entry < signal.stop
    assert signal.facts["forecast"] == pytest.approx(-18.0)


def test_between_decisions_it_proposes_nothing(propose: Any) -> None:
    assert propose(1.5, minute=16) is None


def test_a_weak_forecast_opens_nothing_and_a_fading_one_closes(propose: Any) -> None:
    assert propose(-0.5) is None
    assert propose(-1.5).side is Side.LONG
    assert propose(-0.5, minute=30) is None
    assert propose(0.1, minute=45).side is Side.FLAT


def test_the_same_side_is_proposed_once(propose: Any) -> None:
    assert propose(1.5).side is Side.SHORT
    assert propose(1.6, minute=30) is None


def test_it_leaves_a_contract_once_another_one_has_more_volume(propose: Any) -> None:
    assert propose(1.5).side is Side.SHORT
    left = propose(1.5, minute=30, rolled=101)
    assert (left.side, left.reason) == (Side.FLAT, "another contract has more volume")
    assert propose(-1.5, minute=45, rolled=101) is None


def test_it_leaves_a_contract_also_where_a_feature_is_unknown(propose: Any) -> None:
    assert propose(1.5).side is Side.SHORT
    assert propose(math.nan, minute=30, rolled=101).side is Side.FLAT


def test_an_unknown_feature_brings_no_signal(propose: Any) -> None:
    assert propose(math.nan) is None


def test_a_book_that_was_changed_stops_the_run(file: Path) -> None:
    file.write_text(file.read_text().replace("sign: -1", "sign: 1"))
    with pytest.raises(ConfigError, match="was changed"):
        HunterFactors(HunterFactorsConfig(book=str(file)))


def test_no_book_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such book"):
        HunterFactors(HunterFactorsConfig(book=str(tmp_path / "none.yaml")))
