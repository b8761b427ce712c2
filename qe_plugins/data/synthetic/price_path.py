"""The price path that all contract months of generated data share, and its trading activity.

Volatility is low at night and U-shaped over the day, clusters by day (GARCH) and by half hour (an
AR(1) of log volatility); volume follows the time of day and the size of the move.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from itertools import count, islice

import msgspec
import numpy as np

from qe_plugins.data.synthetic.contract_months import MINUTES

YEAR = 252
STEPS = np.array([0.04, 0.24, 0.24, 0.24, 0.24])  # of a minute's variance, up to each price in it
OPENING_GAP = 0.15  # of a day's deviation, between one close and the next open
SHOCK, MEMORY = 0.08, 0.90  # GARCH(1,1) of a day's variance around its mean
CALM, WILD = 0.25, 9.0  # bounds of that variance
BLOCK = 30  # minutes with one level of volatility
MOOD, MOODINESS = 0.9, 0.2  # AR(1) of its log: coefficient and deviation
DECIDES = 15  # minutes for which a planted drift stays the same
REMEMBERS = 240  # minutes whose t decides it
LARGEST_T = 3.0
# Minute of the session and relative deviation of a minute: 17:00, Asia, London, New York, close.
HOURS = [
    *((0, 0.7), (60, 0.35), (480, 0.4), (545, 0.75), (690, 0.6), (805, 0.8), (870, 0.85)),
    *((929, 1.0), (930, 2.4), (990, 1.5), (1110, 0.95), (1200, 1.0), (1305, 1.7), (1319, 1.9)),
    *((1320, 0.7), (1379, 0.45)),
]


class PricePath(msgspec.Struct, frozen=True):
    """Minutes of all sessions. `open` to `close` are relative to the first open; float arrays."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    activity: np.ndarray


class PathCache:
    """The path session by session; sessions before the last request are dropped.

    `volatility` is annual, as in 0.16. Paths of one seed start with the same sessions. `planted` is
    the drift of a minute, in its deviations, for each unit of t of the 240 minutes before.
    """

    def __init__(self, seed: int, volatility: float, planted: float = 0.0) -> None:
        self._sessions = _generate_sessions(seed, volatility, planted)
        self._recent: deque[list[np.ndarray]] = deque()
        self._first = 0

    def between(self, first: int, last: int) -> PricePath:
        """Return sessions `first` to `last`, both inclusive, as (sessions, minutes of a session).

        `first` must not be less than in an earlier call.
        """
        while self._first + len(self._recent) <= last:
            self._recent.append(next(self._sessions))
        for _ in range(first - self._first):
            self._recent.popleft()
        self._first = first
        chosen = islice(self._recent, last - first + 1)
        return PricePath(*(np.stack(arrays) for arrays in zip(*chosen, strict=True)))


def _generate_sessions(seed: int, volatility: float, planted: float) -> Iterator[list[np.ndarray]]:
    """Yield the minutes of one session after the other, in the order of `PricePath`."""
    rng = np.random.Generator(np.random.PCG64(seed))
    shape = _intraday_shape()
    past = np.zeros(0)
    level, variance = 0.0, 1.0
    for number in count():
        deviation = volatility / math.sqrt(YEAR) * math.sqrt(variance)
        gap = rng.standard_normal() * OPENING_GAP * deviation if number else 0.0
        moved, minutes = _session_moves(rng, shape, deviation)
        if planted:
            past = _plant(moved, minutes, past, planted)
        prices = level + gap + np.cumsum(moved).reshape(MINUTES, STEPS.size)
        prices -= prices[0, 0] if not number else 0.0
        yield _minute_bars(prices, shape, volatility)
        realised = (gap + moved.sum()) ** 2 / (volatility**2 / YEAR)
        variance = 1 - SHOCK - MEMORY + SHOCK * realised + MEMORY * variance
        variance = min(max(variance, CALM), WILD)
        level = prices[-1, -1]


def _session_moves(
    rng: np.random.Generator, shape: np.ndarray, deviation: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the moves of a session's minutes up to each price in them, and their deviations."""
    mood = np.empty(MINUTES // BLOCK)
    last = 0.0
    for block, shock in enumerate(rng.normal(0, MOODINESS, mood.size)):
        last = mood[block] = MOOD * last + shock
    even = MOODINESS**2 / (1 - MOOD**2)  # keeps the mean variance unchanged
    minutes = deviation * shape * np.repeat(np.exp(mood - even), BLOCK)
    moves: np.ndarray = rng.standard_normal((MINUTES, STEPS.size)) * np.sqrt(STEPS)
    moves *= minutes[:, None]
    return moves, minutes


def _plant(
    moves: np.ndarray, deviations: np.ndarray, past: np.ndarray, planted: float
) -> np.ndarray:
    """Add a drift to the moves of a session, in place; return its last minutes for the next one.

    It is known from the minutes before, `past` among them: their mean over its standard error.
    """
    returns = np.concatenate([past, moves.sum(axis=1)])
    for at in range(0, MINUTES, DECIDES):
        now = len(past) + at
        if now < REMEMBERS:
            continue
        known = returns[now - REMEMBERS : now]
        t = known.mean() / known.std(ddof=1) * math.sqrt(REMEMBERS)
        here = slice(at, at + DECIDES)
        drift = planted * min(max(t, -LARGEST_T), LARGEST_T) * deviations[here]
        moves[here] += drift[:, None] * STEPS
        returns[now : now + DECIDES] += drift
    return returns[-REMEMBERS:]


def _minute_bars(prices: np.ndarray, shape: np.ndarray, volatility: float) -> list[np.ndarray]:
    level = np.exp(prices)
    usual = shape * volatility / math.sqrt(YEAR)
    move = np.abs(prices[:, -1] - prices[:, 0]) / usual
    activity = _usual_volume(shape) * (0.6 + 0.5 * move)
    return [level[:, 0].copy(), level.max(axis=1), level.min(axis=1), level[:, -1].copy(), activity]


def _intraday_shape() -> np.ndarray:
    """Return each minute's deviation, so that the squares sum to one session's variance."""
    at, size = zip(*HOURS, strict=True)
    shape: np.ndarray = np.interp(np.arange(MINUTES), at, size)
    shape /= math.sqrt((shape**2).sum())
    return shape


def _usual_volume(shape: np.ndarray) -> np.ndarray:
    """Return each minute's usual volume, with mean 1: it varies more than the price does."""
    wide: np.ndarray = shape**2
    wide /= wide.mean()
    return wide
