"""The shape of a configuration file. One struct a section; unknown keys are errors."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from qe_plugins.config.alarms import AlarmSettings
from qe_plugins.config.broker import BrokerSettings
from qe_plugins.config.ladder import LadderSettings
from qe_plugins.config.nautilus import Nautilus
from qe_plugins.config.option_chains import OptionChains
from qe_plugins.config.watch import WatchSettings
from qe_plugins.halt.settings import HaltSettings
from qe_plugins.plugins.types import SMALLEST, Posture, Rung
from qe_plugins.units import Duration, Fraction, Money

NAMED = (
    "strategies",
    "actors",
    "exec_algorithms",
    "plugins",
    "contracts",
)  # sections whose keys are the user's own names
SOURCES = ("dbn", "catalog", "synthetic")

MAX_FAILURES = "max_failures"
"""A field of Config that a file writes under `plugins`, beside their names."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section."""


class SyntheticSettings(Section, frozen=True, kw_only=True):
    """Generated one-minute bars, the same for the same settings.

    `years` stands in place of `sessions` and `contracts`: a year's contracts, and the exchange's
    holidays, halts and early closes. `open_price` is the root's own by default; the price of roots
    in `through_zero` falls below zero in the middle, and comes back. `planted` is an edge to find:
    the drift of a minute, in its deviations, for each unit of t of the 240 minutes before. `stress`
    lays the shape of a crash over the prices (`data/synthetic/stress.py`).
    """

    root: Literal["ES", "MES", "NQ", "CL", "GC", "ZN"] = "MES"
    seed: Annotated[int, msgspec.Meta(ge=0)] = 7
    start: str = "2024-01-02"
    years: Annotated[int, msgspec.Meta(ge=1, le=15)] | None = None
    sessions: Annotated[int, msgspec.Meta(ge=1, le=5_000)] = 60
    contracts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 2
    open_price: Decimal | None = None
    volatility: Annotated[float, msgspec.Meta(gt=0)] = 0.16
    through_zero: list[str] = []
    planted: Annotated[float, msgspec.Meta(ge=-0.1, le=0.1)] = 0.0
    stress: Literal["1987-10-19", "2010-05-06", "2020-03", "2020-04-20"] | None = None


class DataSettings(Section, frozen=True, kw_only=True):
    """The source of market data: exactly one of `dbn`, `catalog`, `synthetic`.

    `options` adds option chains to a backtest; alone, the futures are those stored beside them.
    `bars` is the bar specification to run on (`1-MINUTE-LAST`); `roots` limits the run to the
    contracts of these roots, `instruments` to these dated contracts. `start` is inclusive and
    `end` exclusive, both UTC. Relative paths are relative to the folder where `qe` runs.
    """

    dbn: str | list[str] | None = None
    catalog: str | None = None
    synthetic: SyntheticSettings | None = None
    options: OptionChains | None = None
    bars: str = "1-MINUTE-LAST"
    roots: list[str] = []
    instruments: list[str] = []
    start: datetime | None = None
    end: datetime | None = None
    quotes: bool = False
    trades: bool = False
    chunk_size: Annotated[int, msgspec.Meta(ge=1_000, le=10_000_000)] = 20_000

    def __post_init__(self) -> None:
        given = [name for name in SOURCES if getattr(self, name) is not None]
        if len(given) != 1 and (given or self.options is None):
            was = " and ".join(given) or "none"
            raise ValueError(f"exactly one of {', '.join(SOURCES)} must be given, was {was}")
        if self.start and self.end and self.start >= self.end:
            raise ValueError(f"start must be before end, was {self.start} and {self.end}")


class ContractSettings(Section, frozen=True, kw_only=True):
    """Margins and fee of one root in USD a contract (the fee a side), instead of the dated ones.

    `day_trade` is the intraday margin, used with `margin.basis: day_trade`.
    """

    margin_init: Money
    margin_maint: Money
    fee: Money
    day_trade: Money | None = None

    def __post_init__(self) -> None:
        if not 0 < self.margin_maint <= self.margin_init:
            was = f"{self.margin_maint} and {self.margin_init}"
            raise ValueError(f"margin_maint must be positive and at most margin_init, was {was}")
        if self.fee < 0:
            raise ValueError(f"fee must not be negative, was {self.fee}")


class SlippageSettings(Section, frozen=True, kw_only=True):
    """How far from a bar's price market and stop orders fill. Limit orders have no slippage.

    `ticks` moves by so many; `half_spread` by half of `spread`, in ticks; `volume_share` by `ticks`
    for every `share` of the bar's volume; `square_root` by `coefficient` x `volatility` (of a day)
    x the root of contracts over the day's volume, taken from the bar. Prices are rounded to a tick,
    away from the trader. `none` leaves Nautilus' own. `limit_fills` is when a limit order fills:
    `on_touch` of its price, or only `on_trade_through`, when the market trades beyond it.
    """

    model: Literal["ticks", "half_spread", "volume_share", "square_root", "none"] = "ticks"
    ticks: Annotated[int, msgspec.Meta(ge=0)] = 1
    spread: Annotated[int, msgspec.Meta(ge=0)] = 1
    share: Annotated[Fraction, msgspec.Meta(gt=0)] = 0.01
    coefficient: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    volatility: Annotated[Fraction, msgspec.Meta(ge=0)] = 0.01
    limit_fills: Literal["on_touch", "on_trade_through"] = "on_touch"


class FillRules(Section, frozen=True, kw_only=True):
    """Which prices a simulated order may fill at; `configs/FILLS.md` describes each rule.

    `market` says whether a market order fills at the close it was sent on or at the next open. A
    price older than `stale_after` is no price: an order that needs one waits for the next bar.
    `rules: nautilus` leaves all of it to Nautilus as it is, to compare a run with a plain script.
    """

    market: Literal["close", "next_open"] = "close"
    stale_after: Annotated[Duration, msgspec.Meta(gt=0)] = 300.0
    rules: Literal["exchange", "nautilus"] = "exchange"


class MarginSettings(Section, frozen=True, kw_only=True):
    """Margin rules of the account. `day_trade` margins end `until_close` before a session closes.

    `on_breach` is what happens when a bar closes with less than the maintenance margin: positions
    are closed (`liquidate`), nothing new is opened (`halt`), or nothing (`ignore`).
    """

    basis: Literal["overnight", "day_trade"] = "overnight"
    until_close: Annotated[Duration, msgspec.Meta(ge=0)] = 900.0
    on_breach: Literal["liquidate", "halt", "ignore"] = "liquidate"


class SessionSettings(Section, frozen=True, kw_only=True):
    """`when_closed` is what happens to orders that are sent while the market is closed.

    `queue`: they reach the exchange at the first trade after it opens; a market order that adds
    risk and is sent later than one bar after the close is refused. `refuse`: all of those are.
    """

    when_closed: Literal["queue", "refuse"] = "queue"


class ExpirySettings(Section, frozen=True, kw_only=True):
    """Positions are closed `flat_before` a contract expires; `0s` holds them to settlement.

    What can be delivered is closed so long before the business day ahead of first notice ends.
    """

    flat_before: Annotated[Duration, msgspec.Meta(ge=0)] = 1_800.0


class RiskSettings(Section, frozen=True, kw_only=True):
    """`veto_timeout` is the time in which a `veto_order` hook must answer, in seconds.

    A slower answer counts as a veto.
    """

    veto_timeout: Annotated[Duration, msgspec.Meta(gt=0)] = 1.0


class ImportedStrategy(Section, frozen=True, kw_only=True):
    """A strategy by import path, `module:Class`, with the settings that its own class takes."""

    path: str
    config: dict[str, Any] = {}
    config_path: str | None = None


class SweepSettings(Section, frozen=True, kw_only=True):
    """What `qe sweep` tries where its command line does not say; a run uses none of it.

    `grid` has values by dotted key, or a range as `5..60/5`. `where` are conditions over its
    settings, such as `fast < slow`: a variant that breaks one is skipped. `objective` is the figure
    by which variants are compared.
    """

    grid: dict[str, Any] = {}
    where: list[str] = []
    objective: str = "sharpe"


class Config(Section, frozen=True, kw_only=True):
    """A whole run: its data, strategies, plugins and rules.

    `strategies` maps a short name to settings, or a name of your own to `path:` and `config:`.
    `actors` and `exec_algorithms` are Nautilus' own kinds, each with `path:` and `config:`.
    `secrets` names environment variables whose values are never shown. `plugins` maps short names
    to settings; plugins are called in the order written. In a file, `plugins` also has
    `max_failures`: more failures of plugins than that end the run. `logging` takes the fields of
    the engine's `LoggerConfig`; `stdout_level` and `fileout_level` also apply to the terminal and
    to `run.log`. Without a `rung`, sizes are limited by the smallest one and no order is denied.
    `broker` is the account of a live session, `watch` and `alarms` are for `qe watch`, which guards
    one, `sweep` is for `qe sweep`; a backtest uses none of them. With a `ladder`, a session takes
    its rung from its state.
    """

    name: Annotated[str, msgspec.Meta(max_length=100)]
    data: DataSettings
    secrets: list[str] = []
    strategies: dict[str, dict[str, Any]]
    actors: dict[str, dict[str, Any]] = {}
    exec_algorithms: dict[str, dict[str, Any]] = {}
    plugins: dict[str, dict[str, Any] | None] = {}
    max_failures: Annotated[int, msgspec.Meta(ge=0)] = 100
    rung: Rung = SMALLEST
    ladder: LadderSettings | None = None
    posture: Posture | None = None
    risk: RiskSettings = RiskSettings()
    contracts: dict[str, ContractSettings] = {}
    slippage: SlippageSettings = SlippageSettings()
    fills: FillRules = FillRules()
    margin: MarginSettings = MarginSettings()
    expiry: ExpirySettings = ExpirySettings()
    session: SessionSettings = SessionSettings()
    halt: HaltSettings = HaltSettings()
    broker: BrokerSettings | None = None
    watch: WatchSettings = WatchSettings()
    alarms: AlarmSettings = AlarmSettings()
    sweep: SweepSettings = SweepSettings()
    nautilus: Nautilus = Nautilus()
    logging: dict[str, Any] = {}
