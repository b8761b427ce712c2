"""The shape of `configs/fleet/*.yaml`: who sits where, on which model, asked what, for how much."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from qe_plugins.config.aliases import RUN_ALIASES, Alias
from qe_plugins.config.schema import DataSettings, Section
from qe_plugins.llm.budgets import NONE, Budgets
from qe_plugins.plugins.types import Role
from qe_plugins.units import Duration, Fraction

Timeframe = Literal["1m", "5m", "15m", "30m", "1h", "4h"]
Count = Annotated[int, Meta(ge=1)]
Span = Annotated[Duration, Meta(gt=0)]
Part = Annotated[Fraction, Meta(ge=0, le=1)]
Name = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_-]{1,40}$", extra={"says": "a short word: it names a folder"})
]


FLEET_ALIASES = (
    *(alias for alias in RUN_ALIASES if alias.old.startswith("data.")),
    Alias("ranks.*.asks", "ranks.*.ask_model"),
    Alias("validity", "answer_ttl"),
    Alias("correlation", "assumed_correlation"),
    Alias("masked", "mask_market"),
)
"""Renamed keys of the files of fleets, which also have a `data:` section."""


class Rank(Section, frozen=True, kw_only=True):
    """One rank of the tree. `count` is how many sit under each node of the rank above.

    `ask_model` says when a parent asks its model for a verdict: `always`, only on `conflict` among
    its children, or `never`, when its aggregate alone is its answer. `deadline` is counted from the
    scan's start: answers of this rank that come later are dropped. `quorum` is the part of its
    children that a parent needs to decide. The token counts are what `plan` reckons with, and
    `output_tokens` is also the most an answer may have.
    """

    model: str
    deadline: Span
    count: Count = 1
    ask_model: Literal["always", "conflict", "never"] = "always"
    quorum: Part = 0.6
    input_tokens: Count = 1_200
    output_tokens: Count = 300


class Ranks(Section, frozen=True, kw_only=True):
    """The five ranks, from the root down. Coordinators are counted by their own list."""

    desk: Rank
    coordinator: Rank
    captain: Rank
    supervisor: Rank
    worker: Rank


class Windows(Section, frozen=True, kw_only=True):
    """Tasks: a window of bars and features of one instrument and timeframe.

    `back` is how many windows end at the latest bar, at `stride` bars before it, at twice that ...
    """

    timeframes: list[Timeframe]
    bars: list[Annotated[int, Meta(ge=10, le=200)]]
    back: Count = 1
    stride: Count = 5


class Options(Section, frozen=True, kw_only=True):
    """Tasks: one European option on one instrument. `moneyness` is strike over price."""

    moneyness: list[Annotated[float, Meta(gt=0)]]
    days: list[Annotated[int, Meta(ge=1)]]
    rights: list[Literal["call", "put"]]
    lookbacks: list[Annotated[int, Meta(ge=100)]]


class Backtests(Section, frozen=True, kw_only=True):
    """Tasks: one parameter set of a moving-average cross, run over the latest `bars` of a tape.

    `cost` is a part of the price, a side, commission and slippage together.
    """

    timeframes: list[Timeframe]
    fast: list[Annotated[int, Meta(ge=2)]]
    slow: list[Annotated[int, Meta(ge=3)]]
    bars: list[Annotated[int, Meta(ge=100)]]
    cost: Part = 0.0001


class Tasks(Section, frozen=True, kw_only=True):
    """The list that a coordinator's workers draw from, in this order. Each task goes to one."""

    windows: Windows | None = None
    options: Options | None = None
    backtests: Backtests | None = None

    def __post_init__(self) -> None:
        if not (self.windows or self.options or self.backtests):
            raise ValueError("tasks must name windows, options or backtests, was none")


class Coordinator(Section, frozen=True, kw_only=True):
    """One of the desks at the top: its role, and what its workers look at."""

    role: Literal["HUNTER", "GUARDIAN", "ANALYST", "ARBITER", "SYNTHESIS"]
    tasks: Tasks

    @property
    def desk(self) -> Role:
        """Return the role as the house knows it."""
        return Role(self.role)


class Schedule(Section, frozen=True, kw_only=True):
    """How often a scan is wanted, around the clock: `qe fleet run` keeps to it."""

    every: Span = 300.0


class Calls(Section, frozen=True, kw_only=True):
    """How calls are made: how many at once, how long one may take, how often one is tried again.

    `hedge_share` is the part of all calls that may be sent a second time where they lag.
    """

    concurrency: Count = 1_000
    timeout: Span = 30.0
    retries: Annotated[int, Meta(ge=0)] = 4
    hedge_share: Part = 0.05


class Fleet(Section, frozen=True, kw_only=True):
    """A whole tree and the market it looks at.

    `provider` says who answers: `offline`, a rule in every model's place, or the `models` named in
    the ranks, each through its own provider, at `base_urls` where that names one. An answer younger
    than `answer_ttl` is not asked for again. `mask_market` hides instrument, dates and price level.
    `news` is a file of JSON lines, each with `ts` (an ISO time) and `text`. `assumed_correlation`
    is how alike two workers' errors are taken to be at least, for the effective sample size.
    """

    name: Name
    data: DataSettings
    ranks: Ranks
    coordinators: Annotated[list[Coordinator], Meta(min_length=1, max_length=99)]
    provider: Literal["offline", "models"] = "offline"
    base_urls: dict[str, str] = field(default_factory=dict)
    budgets: Budgets = NONE
    schedule: Schedule = Schedule()
    mask_market: bool = True
    news: str | None = None
    calls: Calls = Calls()
    answer_ttl: Span = 86_400.0
    assumed_correlation: Part = 0.44

    def __post_init__(self) -> None:
        ranks = [self.ranks.worker, self.ranks.supervisor, self.ranks.captain]
        ranks += [self.ranks.coordinator, self.ranks.desk]
        deadlines = [rank.deadline for rank in ranks]
        if deadlines != sorted(deadlines):
            was = " ".join(f"{seconds:g}s" for seconds in deadlines)
            raise ValueError(f"ranks must have deadlines that grow from worker to desk, was {was}")
