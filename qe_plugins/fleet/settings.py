"""Schema of `configs/fleet/*.yaml`: ranks, models, tasks, budgets and schedule."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, field

from qe_plugins.config.aliases import RUN_ALIASES, Alias
from qe_plugins.config.schema import DataSettings, Section
from qe_plugins.errors import FeatureError
from qe_plugins.features.catalogue import entry_of
from qe_plugins.fleet.desk_settings import DeskSettings
from qe_plugins.llm.settings import NONE, Budgets
from qe_plugins.plugins.types import Role
from qe_plugins.units import Duration, Fraction, Money

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
    """One rank of the tree. `count` is the number of nodes under each node of the rank above.

    `ask_model` says when a parent asks its model for a verdict: `always`, on `conflict` among its
    children, or `never`: then its aggregate is its answer. `deadline` counts from the start of the
    scan; later answers of this rank are dropped. `quorum` is the part of its children that a
    parent needs to decide. `plan` estimates with the token counts; `output_tokens` also limits
    the length of an answer.
    """

    model: str
    deadline: Span
    count: Count = 1
    ask_model: Literal["always", "conflict", "never"] = "always"
    quorum: Part = 0.6
    input_tokens: Count = 1_200
    output_tokens: Count = 300


class Ranks(Section, frozen=True, kw_only=True):
    """The five ranks, from the root down. The list of coordinators sets their number."""

    desk: Rank
    coordinator: Rank
    captain: Rank
    supervisor: Rank
    worker: Rank


class Windows(Section, frozen=True, kw_only=True):
    """Tasks: a window of bars and features of one instrument and timeframe.

    `back` is how many windows end at the latest bar, at `stride` bars before it, at twice that ...
    `features` are further ones of `configs/FEATURES.md` at a window's last bar, each named by its
    family and bars: `temperature.60`.
    """

    timeframes: list[Timeframe]
    bars: list[Annotated[int, Meta(ge=10, le=200)]]
    back: Count = 1
    stride: Count = 5
    features: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in self.features:
            try:
                entry_of(f"1m.{name}")
            except FeatureError as error:
                hint = (error.hint or "").replace("'1m.", "'")
                raise ValueError(f"there is no feature '{name[:80]}'. {hint}") from error


class Options(Section, frozen=True, kw_only=True):
    """Tasks: one European option on one instrument. `moneyness` is strike over price."""

    moneyness: list[Annotated[float, Meta(gt=0)]]
    days: list[Annotated[int, Meta(ge=1)]]
    rights: list[Literal["call", "put"]]
    lookbacks: list[Annotated[int, Meta(ge=100)]]


class Chains(Section, frozen=True, kw_only=True):
    """Tasks: one listed option of `data.options` at its market price, or a spread of two.

    `days` to expiry and `delta`, without sign, bound the options; each `widths`, in points, adds a
    vertical spread that sells such an option and buys the one further out.
    """

    days: tuple[Count, Count] = (1, 90)
    delta: tuple[Part, Part] = (0.05, 0.5)
    widths: tuple[Annotated[float, Meta(gt=0)], ...] = ()


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
    """The task list of a coordinator, in this order. Each worker gets one task."""

    windows: Windows | None = None
    options: Options | None = None
    chains: Chains | None = None
    backtests: Backtests | None = None

    def __post_init__(self) -> None:
        if not (self.windows or self.options or self.chains or self.backtests):
            raise ValueError("tasks must name windows, options, chains or backtests, was none")


class Coordinator(Section, frozen=True, kw_only=True):
    """One coordinator: its role, and the tasks of its workers.

    `captains` are the domains of its captains, in order: each is a file
    `agents/_prompts/captain_DOMAIN.md`, which all under that captain read. Without them every
    captain is the same.
    """

    role: Literal["HUNTER", "GUARDIAN", "ANALYST", "ARBITER", "SYNTHESIS"]
    tasks: Tasks
    captains: list[Name] = field(default_factory=list)

    @property
    def desk(self) -> Role:
        """Return the role as `qe_plugins.Role`."""
        return Role(self.role)


class SessionLimits(Section, frozen=True, kw_only=True):
    """Bounds of one session of a coordinator: turns, USD, seconds.

    `usd` limits the session's own calls; the tree that it deploys has the budget of a scan. In the
    last turn, and where another turn could exceed `usd`, the model may call no tool and must
    answer. `calls` are the tool calls of one turn that are run. Each turn has `turn_deadline`, all
    have `deadline`.
    """

    turns: Count = 8
    calls: Count = 6
    usd: Money = Decimal("0.50")
    deadline: Span = 180.0
    turn_deadline: Span = 60.0
    output_tokens: Count = 1_500


class Schedule(Section, frozen=True, kw_only=True):
    """Seconds between two scans of `qe fleet run`."""

    every: Span = 300.0


class DecisionPoints(Section, frozen=True, kw_only=True):
    """When `qe fleet record` asks: `every` so many seconds of a session, or `on` an event.

    `session_open` is when the first minute of a session has closed.
    """

    every: Annotated[Duration, Meta(ge=60)] | None = None
    on: Literal["session_open"] | None = None

    def __post_init__(self) -> None:
        if (self.every is None) == (self.on is None):
            raise ValueError("decisions must have one of every, on")


class Calls(Section, frozen=True, kw_only=True):
    """Calls in flight per provider, timeout in seconds, and retries of a call.

    `hedge_share` is the part of all calls that may be sent a second time when they are slow.
    """

    concurrency: Count = 1_000
    timeout: Span = 30.0
    retries: Annotated[int, Meta(ge=0)] = 4
    hedge_share: Part = 0.05


class Fleet(Section, frozen=True, kw_only=True):
    """A fleet: its tree, models, tasks and the market data they are about.

    `provider` is `offline`, where rules answer in place of every model, or `models`: those named
    in the ranks, each through its own provider, at `base_urls` where given. An answer younger than
    `answer_ttl` is reused. `mask_market` hides instrument, dates and price level. `news` is a file
    of JSON lines, each with `ts` (an ISO time) and `text`, `lessons` one with `known` and `text`.
    `decisions` are the moments at which a recording asks, `sessions` the bounds of a coordinator
    at work, `desk` is for `qe desk`. `assumed_correlation` is the lower bound of the correlation
    between two workers' errors, for the effective number of votes.
    """

    name: Name
    data: DataSettings
    ranks: Ranks
    coordinators: Annotated[list[Coordinator], Meta(min_length=1, max_length=99)]
    provider: Literal["offline", "models"] = "offline"
    base_urls: dict[str, str] = field(default_factory=dict)
    budgets: Budgets = NONE
    schedule: Schedule = Schedule()
    decisions: DecisionPoints = DecisionPoints(every=900.0)
    sessions: SessionLimits = SessionLimits()
    mask_market: bool = True
    news: str | None = None
    lessons: str | None = None
    calls: Calls = Calls()
    answer_ttl: Span = 86_400.0
    assumed_correlation: Part = 0.44
    desk: DeskSettings | None = None

    def __post_init__(self) -> None:
        ranks = [self.ranks.worker, self.ranks.supervisor, self.ranks.captain]
        ranks += [self.ranks.coordinator, self.ranks.desk]
        deadlines = [rank.deadline for rank in ranks]
        if deadlines != sorted(deadlines):
            was = " ".join(f"{seconds:g}s" for seconds in deadlines)
            raise ValueError(f"ranks must have deadlines that grow from worker to desk, was {was}")
        for one in self.coordinators:
            if one.tasks.chains and self.data.options is None:
                raise ValueError("tasks.chains needs data.options, with the root of the chains")
            if one.captains and len(one.captains) != self.ranks.captain.count:
                named, wanted = len(one.captains), self.ranks.captain.count
                raise ValueError(
                    f"captains of {one.role} must be ranks.captain.count, {wanted}, was {named}"
                )
