"""The rungs of a ladder's file, what a promotion needs, and what demotes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from qe_plugins.config.decoder import Decoder
from qe_plugins.config.dump import plain
from qe_plugins.config.loader import read_tree
from qe_plugins.errors import ConfigError
from qe_plugins.market.specs import market, markets
from qe_plugins.plugins.types import Rung
from qe_plugins.units import Fraction, Money, parse_duration

CURRENCY = "USD"
BACKTEST = "backtest"
"""The name of the lowest rung: no order leaves, except on paper."""

POSTURE_EXPIRED = "posture_expired"

AT_ONCE = (
    "parity_red",
    "unexplained_position",
    "stop_missing",
    "daily_loss",
    POSTURE_EXPIRED,
    "code_or_config_changed",
)

COUNTED = re.compile(r"(\d+(?:_\d+)*)(?: (?:sessions|session))?")
ONE_IN = re.compile(r"1 in (\d+(?:_\d+)*) trades")
ABOVE = re.compile(r"above (\d+) ([A-Z0-9]+)")
FROM = "from "


class LadderSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the sections of a ladder's file."""


class LadderRung(LadderSection, frozen=True, kw_only=True):
    """A step: `risk` is R, the loss of one trade at its stop; `account` the least equity for it.

    `overlay` marks a rung that adds options to the futures of the rung below it.
    """

    name: str
    root: str | None = None
    max_contracts: Annotated[int, msgspec.Meta(ge=1)] = 1
    risk: Money = Decimal(0)
    account: Money = Decimal(0)
    overlay: bool = False

    @property
    def exposure(self) -> Decimal:
        """Return its dollars a point: contracts times the multiplier of its root."""
        if self.root is None:
            return Decimal(0)
        return market(self.root).multiplier * self.max_contracts

    @property
    def as_limits(self) -> Rung:
        """Return it as the limits that the gate enforces; on `backtest` no risk may be added."""
        if self.name == BACKTEST:
            return Rung(name=self.name, risk=Decimal(0), max_contracts=0)
        return Rung(
            name=self.name,
            root=self.root,
            risk=self.risk,
            currency=CURRENCY,
            max_contracts=self.max_contracts,
        )


class Promotion(LadderSection, frozen=True, kw_only=True):
    """What a promotion from a rung needs; what is not written is not needed."""

    evidence: Annotated[float, msgspec.Meta(ge=1)] | None = None
    trades: Annotated[int, msgspec.Meta(ge=1)] | None = None
    sessions: Annotated[int, msgspec.Meta(ge=1)] | None = None
    parity_clean: int | str | None = None
    slippage: Literal["within model"] | None = None
    incidents: Annotated[int, msgspec.Meta(ge=0)] | None = None
    family_wise: bool | None = None
    lockbox: Literal["passed"] | None = None
    deflated_sharpe: Fraction | None = None
    capacity: str | None = None
    contaminated: Literal["never"] | None = None
    options_backtest: Literal["passed"] | None = None

    def __post_init__(self) -> None:
        if self.parity_clean is not None and not COUNTED.fullmatch(str(self.parity_clean)):
            raise ValueError(f"parity_clean must be like 20 sessions, was {self.parity_clean}")
        if self.capacity is not None and not ABOVE.fullmatch(self.capacity):
            raise ValueError(f"capacity must be like above 5 ES, was {self.capacity}")

    @property
    def clean_sessions(self) -> int | None:
        """Return how many sessions in a row must have a clean parity check; None for none."""
        found = COUNTED.fullmatch(str(self.parity_clean))
        return int(found[1].replace("_", "")) if found else None

    @property
    def capacity_above(self) -> tuple[int, str] | None:
        """Return the contracts, and their root, that the capacity must exceed."""
        found = ABOVE.fullmatch(self.capacity or "")
        return (int(found[1]), found[2]) if found else None


class Demotion(LadderSection, frozen=True, kw_only=True):
    """What demotes: the quantile of the drawdown, the alarm's mean distance, and at once."""

    drawdown: Annotated[Fraction, msgspec.Meta(gt=0.5, lt=1)] = 0.99
    decay: str = "1 in 1_000 trades"
    at_once: list[str] = msgspec.field(default_factory=lambda: list(AT_ONCE))

    def __post_init__(self) -> None:
        if not ONE_IN.fullmatch(self.decay):
            raise ValueError(f"decay must be like 1 in 1_000 trades, was {self.decay}")
        for cause in self.at_once:
            name, _, delay = cause.partition(" ")
            if name not in AT_ONCE or (delay and name != POSTURE_EXPIRED):
                known = ", ".join(AT_ONCE)
                raise ValueError(f"at_once knows {known}; was {cause}")
            if delay:
                parse_duration(delay)

    @property
    def false_alarm_trades(self) -> int:
        """Return the mean number of trades to a false alarm of the detector."""
        found = ONE_IN.fullmatch(self.decay)
        assert found is not None
        return int(found[1].replace("_", ""))

    def is_at_once(self, cause: str) -> bool:
        """Return whether a cause demotes at once."""
        return any(one.split(" ")[0] == cause for one in self.at_once)

    def delay(self, cause: str) -> int:
        """Return for how long a cause must last until it demotes, in nanoseconds."""
        written = next((one for one in self.at_once if one.split(" ")[0] == cause), "")
        delay = written.partition(" ")[2]
        return int(parse_duration(delay) * 1_000_000_000) if delay else 0


class WrittenClaim(LadderSection, frozen=True, kw_only=True):
    """A claim, in a file of its own or the ladder's: `edge` and `sd` in R a trade, not yet shrunk.

    `a_day` is the number of trades a day, `capacity` in contracts of the root that is asked for.
    `book` is a book of factors that the strategy trades: `lockbox` and `family_wise` are then its.
    """

    edge: float
    sd: Annotated[float, msgspec.Meta(gt=0)] = 1.43
    a_day: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    lockbox: Literal["passed", "failed", "unopened"] = "unopened"
    family_wise: bool = False
    deflated_sharpe: Fraction = 0.0
    capacity: Annotated[int, msgspec.Meta(ge=0)] = 0
    contaminated: bool = False
    options_backtest: Literal["passed", "missing"] = "missing"
    book: str = ""


class LadderFile(LadderSection, frozen=True, kw_only=True):
    """A ladder: its rungs from the lowest up, promotions by `from NAME`, and demotion."""

    rungs: list[LadderRung]
    claim: Literal["from_file"] | WrittenClaim = "from_file"
    shrink: Annotated[Fraction, msgspec.Meta(gt=0, le=1)] = 0.5
    model_cost: Money = Decimal(0)
    promote: dict[str, Promotion]
    demote: Demotion = Demotion()

    def __post_init__(self) -> None:
        names = [one.name for one in self.rungs]
        if len(names) < 2 or names[0] != BACKTEST or len(set(names)) < len(names):
            raise ValueError("rungs must begin with backtest and have different names")
        if self.rungs[0].overlay or self.rungs[1].overlay:
            raise ValueError("rungs: an overlay needs a rung of futures below it")
        for below, rung in zip(self.rungs, self.rungs[1:], strict=False):
            if not rung.overlay and rung.root not in markets().roots:
                raise ValueError(f"rungs: {rung.name} needs a known root, was {rung.root}")
            if rung.risk <= 0:
                raise ValueError(f"rungs: {rung.name} needs a risk above 0 USD")
            if rung.risk < below.risk or (not rung.overlay and rung.exposure < below.exposure):
                raise ValueError(
                    f"rungs must not fall: {rung.name} ({rung.risk} USD, {rung.exposure} USD a "
                    f"point) is below {below.name} ({below.risk} USD, {below.exposure} USD)"
                )
        if isinstance(self.claim, WrittenClaim) and self.claim.book:
            raise ValueError("claim: a book is named by a claim in a file of its own")
        wanted = {f"{FROM}{name}" for name in names[:-1]}
        if set(self.promote) != wanted:
            odd = sorted(set(self.promote) ^ wanted)
            raise ValueError(f"promote must have one entry a rung but the last, see {odd[0]}")

    def promotion(self, rung: int) -> Promotion | None:
        """Return what a promotion from a rung needs; None from the last one."""
        return self.promote.get(f"{FROM}{self.rungs[rung].name}")

    def futures_rung(self, place: int) -> LadderRung:
        """Return the rung whose limits bind futures on a rung: of an overlay the one below it."""
        return next(one for one in self.rungs[place::-1] if not one.overlay)

    def index(self, name: str) -> int:
        """Return the place of a rung by its name, 0 for the lowest. Raises KeyError."""
        for place, one in enumerate(self.rungs):
            if one.name == name:
                return place
        raise KeyError(name)

    def steps(self) -> Sequence[tuple[LadderRung, LadderRung, float, int]]:
        """Return each promotion by evidence: from, to, the evidence and the trades it needs."""
        found = []
        for place, rung in enumerate(self.rungs[:-1]):
            needed = self.promotion(place)
            above = self.rungs[place + 1]
            if needed is not None and needed.evidence is not None and not above.overlay:
                found.append((rung, above, needed.evidence, needed.trades or 0))
        return found


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """A ladder's file as loaded. `sha256` (hex) covers all its values, in their order."""

    file: Path
    rules: LadderFile
    sha256: str


def load_ladder(path: Path | str, overrides: Sequence[str] = ()) -> Ladder:
    """Return the ladder of a file. Raises ConfigError with file and line."""
    file, tree = read_tree(path, overrides)
    if tree.find(("strategies",)) is not None:
        message = "is the configuration of a run, not a ladder."
        raise ConfigError(message, where=str(path), hint="configs/ladder/mes_to_es.yaml is one.")
    rules: LadderFile = Decoder(CURRENCY).decode(LadderFile, tree)
    content = msgspec.json.encode(plain(rules), order="sorted")
    return Ladder(file=file, rules=rules, sha256=hashlib.sha256(content).hexdigest())
