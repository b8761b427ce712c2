"""Stress shapes laid over generated data: what the price did in a crash, at its own pace.

A shape is a list of levels at minutes of sessions, relative to the last close before it. Between
them the generated path keeps its noise and is bent so that it passes through every level.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec
import numpy as np

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.synthetic.contract_months import MINUTES
from qe_plugins.data.synthetic.price_path import PathCache, PricePath
from qe_plugins.data.synthetic.roots import SPECS
from qe_plugins.data.synthetic.schedule import TapeSchedule
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import ContractKey
from qe_plugins.market.expiry import last_trade

NEW_YORK, LATEST, CASH_CLOSE = 930, 1_285, 1_320  # minutes of a session: 08:30, 14:25, 15:00
CLOSE = MINUTES - 1
HALT = 15  # minutes
LEVELS = (0.93, 0.87)  # of the close before: each halts once, until 14:25
LIMIT = 0.80  # of the close before: no more trading in the session
BUSY = 3.0  # volume of a session of a shape, as a multiple of the usual

type Knot = tuple[int, int, float]
"""Session from the first of the shape on, minute in it, level as a factor."""


class StressShape(msgspec.Struct, frozen=True, kw_only=True):
    """Levels of a price. `front` shapes bend the contract that expires, the others all contracts.

    `halted` shapes stop trading at the exchange's limits of an index; see `halts`.
    """

    knots: tuple[Knot, ...]
    front: bool = False
    halted: bool = True

    @property
    def sessions(self) -> int:
        """Return how many sessions the shape takes."""
        return self.knots[-1][0] + 1


def _by_session(returns: Sequence[float], opening: Sequence[float] = ()) -> tuple[Knot, ...]:
    """Return levels of sessions by their returns; `opening` are the moves by 08:30, else a half."""
    knots: list[Knot] = []
    level = 1.0
    for number, change in enumerate(returns):
        early = opening[number] if number < len(opening) else 0.5 * change
        early = max(min(early, 0.05), -0.05)  # overnight an index moves no further
        after = level * (1 + change)
        knots += [(number, NEW_YORK, level * (1 + early)), (number, CASH_CLOSE - 1, after)]
        knots.append((number, CLOSE, after))
        level = after
    return tuple(knots)


OCTOBER_1987 = (-0.0295, -0.0234, -0.0516, -0.2047, 0.0533, 0.0910)
MARCH_2020 = (
    *(-0.0038, -0.0105, -0.0335, -0.0303, -0.0038, -0.0442, -0.0082, 0.0460, -0.0281, 0.0422),
    *(-0.0339, -0.0171, -0.0760, 0.0494, -0.0489, -0.0951, 0.0929, -0.1198, 0.0600, -0.0518),
    *(0.0047, -0.0434, -0.0293, 0.0938),
)
MAY_2010 = (
    *((0, NEW_YORK, 0.995), (0, 1_230, 0.975), (0, 1_240, 0.960), (0, 1_245, 0.915)),
    *((0, 1_250, 0.945), (0, 1_265, 0.970), (0, CASH_CLOSE - 1, 0.968), (0, CLOSE, 0.968)),
)
OIL_2020 = (
    *((0, 0, 0.97), (0, NEW_YORK, 0.75), (0, 1_140, 0.55), (0, 1_208, 0.0)),
    *((0, 1_229, -2.21), (0, 1_230, -2.06), (0, CLOSE, -0.90), (1, NEW_YORK, -0.20)),
    *((1, 1_229, 0.55), (1, CLOSE, 0.55)),
)
SHAPES = {
    "1987-10-19": StressShape(knots=_by_session(OCTOBER_1987)),
    "2010-05-06": StressShape(knots=MAY_2010, halted=False),
    "2020-03": StressShape(knots=_by_session(MARCH_2020)),
    "2020-04-20": StressShape(knots=OIL_2020, front=True, halted=False),
}


class StressedPath(msgspec.Struct, frozen=True):
    """A shape on a schedule.

    `bend` has one number for the end of each minute of each session, and the number before it in
    `before`: the log by which all prices move or, of a `front` shape, a factor of the first price
    to be added to those of the contract `front`. `halted` are minutes without trading.
    """

    bend: np.ndarray
    before: np.ndarray
    halted: np.ndarray
    front: ContractKey | None = None

    def shaped(self, path: PricePath, days: np.ndarray) -> PricePath:
        """Return the path of some sessions with a shape of all contracts laid over it."""
        if self.front is not None:
            return path
        start, end = np.exp(self.before[days]), np.exp(self.bend[days])
        open_, close, middle = path.open * start, path.close * end, np.sqrt(start * end)
        return PricePath(
            open=open_,
            high=np.maximum(np.maximum(open_, close), path.high * middle),
            low=np.minimum(np.minimum(open_, close), path.low * middle),
            close=close,
            activity=path.activity * np.where(end[:, -1:] == start[:, :1], 1.0, BUSY),
        )

    def added(self, key: ContractKey, days: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return what a `front` shape adds by the start and the end of each minute, else None."""
        return (self.before[days], self.bend[days]) if key == self.front else None


def stressed(
    settings: SyntheticSettings, planned: TapeSchedule, root: str, paths: PathCache
) -> StressedPath | None:
    """Return the shape of the settings laid over a path; `paths` is one of its own.

    None without a shape. Raises DataError for a root that it is not of, and where it does not fit.
    """
    if settings.stress is None:
        return None
    shape = SHAPES[settings.stress]
    first = _first_session(settings, planned, root, shape)
    sessions = len(planned.days)
    closes = paths.between(0, sessions - 1).close
    at = np.array([(first + n) * MINUTES + minute for n, minute, _ in shape.knots])
    levels = np.array([level for *_, level in shape.knots])
    start = first * MINUTES - 1  # the last minute before
    flat = closes.ravel()
    if shape.front:
        target, own = flat[start] * levels, flat
    else:
        target, own = np.log(flat[start] * levels), np.log(flat)
    bent = np.interp(np.arange(flat.size), [start, *at], [0.0, *(target - own[at])])
    before = np.concatenate(([0.0], bent[:-1]))
    halted = np.zeros((sessions, MINUTES), np.bool_)
    if shape.halted:
        halted = halts(np.exp(own + bent).reshape(closes.shape))
    key = _expiring(planned, planned.days[first]) if shape.front else None
    return StressedPath(bent.reshape(closes.shape), before.reshape(closes.shape), halted, key)


def halts(closes: np.ndarray) -> np.ndarray:
    """Return the minutes (sessions, minutes) in which an index does not trade.

    From 08:30 on a fall of 7% and of 13% below the close before halts 15 minutes each, until 14:25;
    a fall of 20% ends trading until the session does.
    """
    halted = np.zeros(closes.shape, np.bool_)
    for number in range(1, len(closes)):
        ratio = closes[number] / closes[number - 1, -1]
        ratio[:NEW_YORK] = ratio[CASH_CLOSE:] = 1.0
        for level in LEVELS:
            hit = np.flatnonzero(ratio[:LATEST] <= level)
            if hit.size:
                halted[number, hit[0] + 1 : hit[0] + 1 + HALT] = True
        ended = np.flatnonzero(ratio <= LIMIT)
        if ended.size:
            halted[number, ended[0] + 1 :] = True
    return halted


def _first_session(
    settings: SyntheticSettings, planned: TapeSchedule, root: str, shape: StressShape
) -> int:
    """Return the session in which a shape begins: the middle, or the one before an expiry."""
    index = SPECS[root].asset == "INDEX"
    if index == shape.front:
        kind = "CL" if shape.front else "ES, MES or NQ"
        raise DataError(
            f"the stress of {settings.stress} is not one of {root}.",
            where="synthetic.stress",
            hint=f"Set 'root' to {kind}.",
        )
    days = planned.days
    first = len(days) // 2
    if shape.front:
        ends = [last_trade(month.key) for month in planned.months]
        known = [days.index(end) - 1 for end in ends if end in days[2:]]
        first = known[0] if known else 0
    if not 0 < first <= len(days) - shape.sessions:
        raise DataError(
            f"{len(days)} sessions have no room for the stress of {settings.stress}.",
            where="synthetic.stress",
            hint="It needs a last trading day, not among the first sessions."
            if shape.front
            else f"Set 'sessions' to {2 * shape.sessions} or more.",
        )
    return first


def _expiring(planned: TapeSchedule, day: date) -> ContractKey:
    return min(month.key for month in planned.months if last_trade(month.key) > day)
