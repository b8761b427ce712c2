"""Attackers on masked prompts: they guess price level, date or instrument from the text alone.

Each is trained on half of the prompts and scored on the other half. A mask holds where the score
is within three standard errors of what a guess without the prompt scores.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import msgspec
import numpy as np

ROW = re.compile(r"^\S+((?: -?\d+(?:\.\d+)?){2,5})$", re.MULTILINE)
FACT = re.compile(r"^[a-z_ ]+: (-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)$", re.MULTILINE)
LEVELS = (800.0, 8_000.0)
"""The price levels that the periodogram searches, in points."""

GRID = 20_000
CLOSE_TO = 0.01
ERRORS = 3.0
PENALTY = 3.0
STEPS = 25
FREQUENCIES = np.linspace(0.5, 9.0, 30)
TINY = 1e-9


class Attack(msgspec.Struct, frozen=True, kw_only=True):
    """One attacker's score: the part of `count` guesses that were right, against `chance`."""

    what: str
    count: int
    right: float
    chance: float

    @property
    def error(self) -> float:
        """Return the standard error of the score of a guess by chance."""
        return math.sqrt(max(self.chance * (1 - self.chance), TINY) / max(self.count, 1))

    @property
    def held(self) -> bool:
        """Return whether the mask holds: the score is within three standard errors of chance."""
        return self.right <= self.chance + ERRORS * self.error


def rows_of(prompt: str) -> np.ndarray:
    """Return the rows of a window's prompt: prices, the last of them the close, then volume."""
    return np.array([[float(one) for one in found.split()] for found in ROW.findall(prompt)])


def level_attack(prompts: Sequence[str], levels: Sequence[float], tick: float) -> Attack:
    """Score the periodogram: a guess is right within 1% of the level of the window.

    `levels` are the first opens, in points, `tick` the price increment. Chance is how often the
    same guesses are right about another window's level.
    """
    guesses = np.array([guessed_level(rows_of(prompt)[:, :-1], tick) for prompt in prompts])
    truth = np.asarray(levels, float)
    close = np.abs(guesses[:, None] / truth[None, :] - 1) < CLOSE_TO
    return Attack(
        what="price level",
        count=len(prompts),
        right=float(np.diag(close).mean()),
        chance=float(close.mean()),
    )


def guessed_level(prices: np.ndarray, tick: float) -> float:
    """Return the level at which prices rebased to 100 lie on a grid of `tick` points."""
    apart = np.unique(prices) - prices.ravel()[0]
    lowest, highest = (100 * tick / level for level in reversed(LEVELS))
    grids = np.exp(np.linspace(math.log(lowest), math.log(highest), GRID))
    power = np.abs(np.exp(2j * np.pi * np.outer(1 / grids, apart)).mean(axis=1))
    widest = grids[power > power.max() - 0.02].max()  # half a tick fits every grid too
    near = np.abs(grids - widest) < widest * 0.01
    return float(100 * tick / grids[near][power[near].argmax()])


def told_apart(what: str, prompts: Sequence[str], classes: Sequence[str]) -> Attack:
    """Score logistic regressions that guess which of the `classes` each prompt is of.

    Prompts are in the order of time: every second of sixteen blocks is for training, so that few
    neighbours are on both sides. Chance is the most frequent class of the other half.
    """
    names = sorted(set(classes))
    labels = np.array([names.index(one) for one in classes])
    block = max(len(prompts) // 16, 1)
    training = (np.arange(len(prompts)) // block) % 2 == 0
    return told_apart_by(what, np.array([traits(one) for one in prompts]), labels, training)


def told_apart_by(what: str, seen: np.ndarray, labels: np.ndarray, training: np.ndarray) -> Attack:
    """Return the score of regressions on a matrix of traits; `training` marks its rows."""
    middle, width = seen[training].mean(axis=0), seen[training].std(axis=0) + TINY
    scaled = (seen - middle) / width
    scores = [
        _leaning(scaled[~training], _fitted(scaled[training], labels[training] == one))
        for one in range(int(labels.max()) + 1)
    ]
    truth = labels[~training]
    return Attack(
        what=what,
        count=len(truth),
        right=float((np.argmax(scores, axis=0) == truth).mean()),
        chance=float(np.bincount(truth).max() / len(truth)),
    )


def traits(prompt: str) -> np.ndarray:
    """Return what a statistician would look at in a prompt: moves, gaps, ranges, grids, volume."""
    rows = rows_of(prompt)
    facts = np.array([float(one) for one in FACT.findall(prompt)])
    prices, volume = rows[:, :-1], rows[:, -1]
    closes, moves = prices[:, -1], np.diff(prices[:, -1])
    found = [
        *(moves.std(), np.abs(moves).mean(), *_small(moves), _tail(moves)),
        *(len(np.unique(prices)) / prices.size, len(np.unique(moves.round(3))) / len(moves)),
        *(_correlation(moves[lag:], moves[:-lag]) for lag in (1, 2, 3)),
        *(volume.std(), volume.max(), np.median(volume), (volume < 0.05).mean()),
        *(_correlation(volume[1:], volume[:-1]), _correlation(volume[1:], np.abs(moves))),
        *(abs(closes[-1] - closes[0]), np.ptp(closes)),
        *(_of_bars(prices, volume) if prices.shape[1] > 1 else ()),
    ]
    waves = np.exp(2j * np.pi * np.outer(FREQUENCIES, prices.ravel() - prices.mean()))
    every: np.ndarray = np.concatenate([found, np.abs(waves.mean(axis=1)), facts])
    every[~np.isfinite(every)] = 0.0
    return every


def _of_bars(prices: np.ndarray, volume: np.ndarray) -> list[float]:
    """Return what opens, highs and lows add to closes."""
    opens, highs, lows, closes = prices.T
    gaps, ranges = opens[1:] - closes[:-1], highs - lows
    return [
        *(gaps.std(), np.abs(gaps).mean(), *_small(gaps)),
        *(ranges.mean(), ranges.std(), ranges.min(), float(np.median(ranges)), *_small(ranges)),
        *((highs - np.maximum(opens, closes)).mean(), (np.minimum(opens, closes) - lows).mean()),
        _correlation(volume, ranges),
    ]


def _small(values: np.ndarray) -> tuple[float, float]:
    sizes = np.abs(values)
    return float((sizes < 0.05).mean()), float((sizes < 0.15).mean())


def _tail(moves: np.ndarray) -> float:
    return float((moves**4).mean() / (moves.var() ** 2 + TINY))


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    width = one.std() * other.std()
    return float(((one - one.mean()) * (other - other.mean())).mean() / width) if width else 0.0


def _fitted(seen: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Return the weights of a logistic regression with a ridge penalty, the constant first."""
    design = np.column_stack([np.ones(len(seen)), seen])
    penalty = PENALTY * np.eye(design.shape[1])
    penalty[0, 0] = TINY
    weights = np.zeros(design.shape[1])
    for _ in range(STEPS):
        likely = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        slope = design.T @ (likely - positive) + penalty @ weights
        curve = (design * (likely * (1 - likely))[:, None]).T @ design + penalty
        weights = weights - np.linalg.solve(curve, slope)
    return weights


def _leaning(seen: np.ndarray, weights: np.ndarray) -> np.ndarray:
    leaning: np.ndarray = weights[0] + seen @ weights[1:]
    return leaning
