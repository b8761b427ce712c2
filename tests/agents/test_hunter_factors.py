"""The hunter of a book, with the features that a test sets."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agents.hunter_factors import DEVIATION, HunterFactors, HunterFactorsConfig
from qe_plugins import Side
from qe_plugins.errors import ConfigError
from qe_plugins.features.store import catalogue_hash, formulas_hash
from qe_plugins.research.factors import book

NAME = "1m.velocity.30"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    factor = book.BookFactor(
        name=NAME, sign=-1, weight=1.0, centre=0.0, scale=1.0, mean=0.0, scalar=12.0
    )
    made = book.FactorBook(
        name="made",
        test="test-1",
        config="made.yaml",
        overrides=[],
        roots=["ES"],
        every=900.0,
        session="all",
        horizon=3_600.0,
        split="explore odd, confirm even",
        lockbox=[],
        catalogue=catalogue_hash(),
        formulas=formulas_hash(),
        average=10.0,
        cap=20.0,
        multiplier=1.0,
        factors=[factor],
    )
    book.write(made, tmp_path / "book.yaml")
    return tmp_path / "book.yaml"


@pytest.fixture
def propose(file: Path, qe_plugins: Any, qe_bar: Any, qe_contract: Any, qe_features: Any) -> Any:
    hunter = HunterFactors(HunterFactorsConfig(book=str(file)))
    desk = qe_plugins(hunter)
    cache = SimpleNamespace(instrument=lambda _: qe_contract)

    def call(velocity: float, minute: int = 15, temperature: float = 0.5) -> Any:
        bar = qe_bar(4750, at=f"2024-01-03 15:{minute:02}")
        features = qe_features({NAME: velocity, DEVIATION: temperature})
        given = {"bar": bar, "cache": cache, "features": features}
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


def test_an_unknown_feature_brings_no_signal(propose: Any) -> None:
    assert propose(math.nan) is None


def test_a_book_that_was_changed_stops_the_run(file: Path) -> None:
    file.write_text(file.read_text().replace("sign: -1", "sign: 1"))
    with pytest.raises(ConfigError, match="was changed"):
        HunterFactors(HunterFactorsConfig(book=str(file)))


def test_no_book_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such book"):
        HunterFactors(HunterFactorsConfig(book=str(tmp_path / "none.yaml")))
