"""Bars by the minute."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest


@pytest.fixture
def minutes(qe_bar: Callable[..., Any]) -> Callable[..., list[Any]]:
    """Return a function that makes consecutive one-minute bars from their closes.

    Each bar opens at the close before it. A close may be `(close, low, high)`.
    """

    def make(*closes: Any, at: str = "2024-01-03 15:00", volume: int = 100) -> list[Any]:
        start, bars, last = datetime.fromisoformat(at), [], None
        for number, given in enumerate(closes):
            close, low, high = given if isinstance(given, tuple) else (given, None, None)
            first = close if last is None else last
            low = min(first, close) if low is None else low
            high = max(first, close) if high is None else high
            moment = str(start + timedelta(minutes=number))
            bar = qe_bar(close, open=first, low=low, high=high, volume=volume, at=moment)
            bars.append(bar)
            last = close
        return bars

    return make
