"""The storm guard, alone with a few bars."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.guardian_volatility import GuardianVolatility, GuardianVolatilityConfig
from qe_plugins.bars import columns_of

MINUTES = "MESH24.XCME-1-MINUTE-LAST-EXTERNAL"
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
        [answer] = qe_plugins(guardian).ask("veto_order", order=qe_order(), history=history)
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
        desk.ask("veto_order", order=qe_order(), history=qe_history(*reversed(bars)))[0].value
        for bars in (quiet, quiet, [wild, *quiet])
    ]

    assert [answer is None for answer in answers] == [True, True, False]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), min_size=1, max_size=30),
    st.integers(1, 4),
    st.integers(1, 6),
    st.sampled_from([0.5, 1.0, 3.0]),
    st.sampled_from([None, Decimal(2), Decimal("0.1")]),
)
def test_it_wants_to_be_asked_after_every_bar_at_which_it_would_refuse(
    qe_plugins: Make,
    qe_bar: Make,
    qe_order: Make,
    qe_history: Make,
    shapes: list[tuple[int, int]],
    last: int,
    against: int,
    multiple: float,
    points: Decimal | None,
) -> None:
    config = GuardianVolatilityConfig(bars=last, against=against, multiple=multiple, points=points)
    desk = qe_plugins(GuardianVolatility(config))
    bars = [
        qe_bar(4750 + low / 4, low=4750 + low / 4 - size / 4, at=f"2024-01-03 15:{n:02}")
        for n, (low, size) in enumerate(shapes)
    ]
    [named] = desk.ask("screen_orders", bars=columns_of(str(bars[0].bar_type), bars))
    for n in range(len(bars)):
        history = qe_history(*bars[: n + 1])
        [answer] = desk.ask("veto_order", order=qe_order(), history=history)
        assert named.value[n] or answer.value is None


def test_of_bars_that_it_does_not_judge_by_it_says_nothing(qe_plugins: Make, qe_bar: Make) -> None:
    desk = qe_plugins(GuardianVolatility(GuardianVolatilityConfig(bar="5-MINUTE-LAST")))

    [answer] = desk.ask("screen_orders", bars=columns_of(MINUTES, [qe_bar(4750)]))

    assert (answer.value, answer.error) == (None, None)
