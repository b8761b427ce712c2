"""Volume of each contract month of generated data, and its move to the next month."""

from __future__ import annotations

import numpy as np

from qe_plugins.data.synthetic.contract_months import DAY_NS, ContractMonth

ROLL, ROLL_WIDTH = (
    8.0,
    0.9,
)  # days before expiry at which half of the volume has moved
LEAST = (0.01, 0.01, 0.0005, 0.00002)  # share of the front month, and of those behind it
THIN = (0.01, 0.0002, 0.00001)  # the same for data of years: back months rarely trade


def month_share(
    listed: list[ContractMonth], number: int, opens: np.ndarray, least: tuple[float, ...] = LEAST
) -> np.ndarray:
    """Return the month's share of each session's volume; zero where it does not trade."""
    expired = np.array([month.expiry for month in listed])[:, None] <= opens
    rank = number - expired[:number].sum(axis=0)
    some = np.array([*least, 0.0])[np.minimum(rank, len(least))]
    came = _moved_on(listed[number - 1], opens) if number else 1.0
    left = _moved_on(listed[number], opens) if number + 1 < len(listed) else 0.0
    return np.where(expired[number], 0.0, np.maximum(came * (1.0 - left), some))


def _moved_on(month: ContractMonth, opens: np.ndarray) -> np.ndarray:
    """Return the share of the volume that has moved from a month to later ones."""
    days = ((month.leaves or month.expiry) - opens) / DAY_NS
    return 1 / (1 + np.exp(np.clip((days - ROLL) / ROLL_WIDTH, -50, 50)))


def traded(seeds: np.random.SeedSequence, expected: np.ndarray) -> np.ndarray:
    """Return whole contracts for expected volumes, rounded up with the fraction as probability."""
    moods, fractions = (np.random.Generator(np.random.PCG64(one)) for one in seeds.spawn(2))
    noise = np.exp(moods.normal(-0.1, 0.45, expected.shape))
    whole = np.floor(expected * noise + fractions.random(expected.shape))
    return whole.astype(np.int64)
