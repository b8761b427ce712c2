"""The storm guard, alone with a few bars."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.guardian_volatility import GuardianVolatility, GuardianVolatilityConfig
from qe_plugins import OrderRequest, Veto, hookimpl
from qe_plugins.config.loader import load
from qe_plugins.engine.running.backtest import run
from qe_plugins.plugins import PluginManager
from tests.command import ROOT

Refusal = Callable[..., str | None]
Make = Callable[..., Any]


@pytest.fixture
def refusal(qe_plugins: Make, qe_bar: Make, qe_order: Make, qe_history: Make) -> Refusal:
    """Return a function from bar ranges in points, the newest first, to a refusal."""

    def ask(*ranges: float, **config: Any) -> str | None:
        guardian = GuardianVolatility(
            GuardianVolatilityConfig(bars=1, against=4, multiple=3.0, **config)
        )
        bars = [
            qe_bar(4750, low=4750 - points, at=f"2024-01-03 15:{30 - age}")
            for age, points in enumerate(ranges)
        ]
        history = qe_history(*reversed(bars))
        [answer] = qe_plugins(guardian).call("veto_order", order=qe_order(), history=history)
        assert answer.error is None
        return answer.value.reason if answer.value else None

    return ask


def test_a_wild_bar_is_vetoed(refusal: Refusal) -> None:
    assert refusal(3.25, 1, 1, 1, 1) == "ran 3.25 points in 1 bars, 3.00 are allowed"


def test_a_bar_at_the_limit_passes(refusal: Refusal) -> None:
    assert refusal(3, 1, 1, 1, 1) is None


def test_the_limit_follows_the_market(refusal: Refusal) -> None:
    assert refusal(11, 4, 4, 4, 4) is None


def test_points_are_a_limit_of_their_own(refusal: Refusal) -> None:
    reason = refusal(11, 4, 4, 4, 4, points=Decimal(10))

    assert reason == "ran 11.00 points in 1 bars, 10.00 are allowed"


def test_too_few_bars_are_a_veto(refusal: Refusal) -> None:
    reason = refusal(1, 1, 1)

    assert reason == "3 bars of MESH24.XCME are too few to judge by, 5 are needed"


def test_the_guard_keeps_up_with_new_bars(
    qe_plugins: Make, qe_bar: Make, qe_order: Make, qe_history: Make
) -> None:
    desk = qe_plugins(GuardianVolatility(GuardianVolatilityConfig(bars=1, against=4, multiple=3.0)))
    quiet = [qe_bar(4750, low=4749, at=f"2024-01-03 15:{30 - age}") for age in range(5)]
    wild = qe_bar(4750, low=4740, at="2024-01-03 15:31")

    answers = [
        desk.call("veto_order", order=qe_order(), history=qe_history(*reversed(bars)))[0].value
        for bars in (quiet, quiet, [wild, *quiet])
    ]

    assert [answer is None for answer in answers] == [True, True, False]


def test_it_is_asked_about_every_order(tmp_path: Path) -> None:
    class Counts(GuardianVolatility):
        questions = 0

        @hookimpl
        def veto_order(self, order: OrderRequest, history: Any) -> Veto | None:
            self.questions += 1
            return super().veto_order(order, history)

    config = {
        "name": "storms",
        "extends": str(ROOT / "configs/base/cme.yaml"),
        "data": {"synthetic": {"root": "MES", "start": "2024-01-02", "sessions": 1}},
        "strategies": {"ema_cross": {"instrument_id": "MESH24.XCME", "fast": 2, "slow": 5}},
    }
    file = tmp_path / "storms.yaml"
    file.write_text(yaml.safe_dump(config))
    guardian = Counts(GuardianVolatilityConfig(multiple=2.5))
    outcome = run(load(file), plugins=PluginManager([("storms", guardian)]))
    [stats] = outcome.plugins
    assert guardian.questions == stats.asked
    assert 0 < stats.vetoed < stats.asked <= outcome.orders.height
