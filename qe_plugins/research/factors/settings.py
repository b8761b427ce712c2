"""Schema of a factor test: `configs/research/es_factors.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from qe_plugins.config.decoder import Decoder
from qe_plugins.config.loader import read_tree
from qe_plugins.config.nodes import YamlNode
from qe_plugins.config.schema import DataSettings, Section
from qe_plugins.errors import ConfigError
from qe_plugins.units import Duration, Fraction

DAY = 86_400.0
MONTH = 30 * DAY
MOST_DAILY = 20
CURRENCY = "USD"

Positive = Annotated[Duration, Meta(gt=0)]


class Decisions(Section, frozen=True, kw_only=True):
    """When a position may change: every so often while the market is open.

    `session` limits it to hours of a day in Chicago, such as 08:30-15:00, which `rth` is short for.
    """

    every: Positive = 900.0
    session: Annotated[str, Meta(pattern=r"^(all|rth|\d\d:\d\d-\d\d:\d\d)$")] = "rth"


class Label(Section, frozen=True, kw_only=True):
    """What is predicted: the return over `horizon`, from the close of the next bar.

    In deviations known at the decision (`volatility`), or as a logarithm (`return`).
    """

    horizon: Positive = 3_600.0
    enter: Literal["next_bar"] = "next_bar"
    unit: Literal["volatility", "return"] = "volatility"


class Split(Section, frozen=True, kw_only=True):
    """Which months propose factors and which confirm them.

    The first `embargo` sessions of each month are left out. `lockbox` is a span, its end excluded,
    that no test reads.
    """

    explore: Literal["odd", "even"] = "odd"
    confirm: Literal["odd", "even"] = "even"
    embargo: Annotated[int, Meta(ge=0, le=10)] = 1
    lockbox: tuple[date, date] | None = None

    def __post_init__(self) -> None:
        if self.explore == self.confirm:
            raise ValueError(f"explore and confirm must be different months, was {self.explore}")
        if self.lockbox and self.lockbox[0] >= self.lockbox[1]:
            raise ValueError(f"the lockbox must end after it begins, was {self.lockbox[0]}")


class Levels(Section, frozen=True, kw_only=True):
    """The |t| that a survivor has in both halves, and the family-wise error rate."""

    survive: Annotated[float, Meta(gt=0)] = 2.0
    family_wise: Annotated[Fraction, Meta(gt=0, lt=1)] = 0.05


class Costs(Section, frozen=True, kw_only=True):
    """The root whose fees a trade pays, and slippage a side in ticks."""

    contract: str = "MES"
    slippage_ticks: Annotated[float, Meta(ge=0)] = 0.5


class Combination(Section, frozen=True, kw_only=True):
    """How forecasts are combined: average and cap of a forecast, largest multiplier, weights.

    Weights are equal, those of the least variance (`shrunk`), for which correlations are moved to
    their mean by the part `shrink`, or those of equal parts of the risk (`risk_parity`).
    """

    cap: Annotated[float, Meta(gt=0)] = 20.0
    average: Annotated[float, Meta(gt=0)] = 10.0
    dm_max: Annotated[float, Meta(ge=1)] = 2.5
    weights: Literal["equal", "shrunk", "risk_parity"] = "equal"
    shrink: Annotated[Fraction, Meta(ge=0, le=1)] = 0.5


class FactorSettings(Section, frozen=True, kw_only=True):
    """A test of features as factors. `features` is `all`, or names and patterns such as 1h.*."""

    name: str
    data: DataSettings
    features: Literal["all"] | list[str] = "all"
    decisions: Decisions = Decisions()
    label: Label = Label()
    split: Split = Split()
    level: Levels = Levels()
    costs: Costs = Costs()
    combine: Combination = Combination()
    draws: Annotated[int, Meta(ge=100, le=100_000)] = 2_000


@dataclass(frozen=True)
class LoadedFactors:
    """A factor test, its file, and the location of each value."""

    settings: FactorSettings
    file: Path
    _tree: YamlNode

    def where(self, *keys: str) -> str:
        """Return the nearest known location of `keys`, such as `configs/research/x.yaml:12`."""
        return self._tree.nearest(keys).location

    def error(self, message: str, *keys: str, hint: str | None = None) -> ConfigError:
        """Return a ConfigError of one line at the location of `keys`, for the caller to raise."""
        return ConfigError(message, where=self.where(*keys), hint=hint)


def load(path: Path | str, overrides: Sequence[str] = ()) -> LoadedFactors:
    """Read the file at `path` with `--set` overrides. Raise ConfigError with file and line.

    Refused are a horizon longer than a month, and a root without fees.
    """
    file, tree = read_tree(path, overrides)
    loaded = LoadedFactors(Decoder(CURRENCY).decode(FactorSettings, tree), file, tree)
    settings = loaded.settings
    if settings.label.horizon > MONTH:
        hint = "Halves alternate by month, and a label may not reach into the next one."
        raise loaded.error("a horizon is at most 30 days.", "label", "horizon", hint=hint)
    _check_lockbox(loaded)
    _check_costs(loaded)
    return loaded


def check_hypotheses(loaded: LoadedFactors, features: int, roots: int) -> None:
    """Raise ConfigError for more features than days can tell apart: a day or more, on one root."""
    if loaded.settings.label.horizon < DAY or roots > 1 or features <= MOST_DAILY:
        return
    raise loaded.error(
        f"{features:,} features cannot be told apart over a day or more on one root.",
        "label",
        "horizon",
        hint=f"Name at most {MOST_DAILY} in `features:` beforehand, or pool roots.",
    )


def _check_lockbox(loaded: LoadedFactors) -> None:
    data, lockbox = loaded.settings.data, loaded.settings.split.lockbox
    if lockbox is None or (data.start is None and data.end is None):
        return
    first = data.start.date() if data.start else date.min
    last = data.end.date() if data.end else date.max
    if first < lockbox[1] and lockbox[0] < last:
        raise loaded.error(
            f"the lockbox {lockbox[0]} to {lockbox[1]} overlaps the days that are explored.",
            "split",
            "lockbox",
            hint="Move `data.start` or `data.end`, or leave both out: it is then cut out.",
        )


def _check_costs(loaded: LoadedFactors) -> None:
    from qe_plugins.market.specs import markets

    costs, known = loaded.settings.costs, markets().roots
    if costs.contract not in known:
        hint = f"configs/markets.yaml has {', '.join(known)}."
        raise loaded.error(f"'{costs.contract}' has no fees.", "costs", "contract", hint=hint)
