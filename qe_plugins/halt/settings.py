"""Settings of the triggers that halt a session by themselves: `halt:` of a configuration."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from qe_plugins.plugins.types import Rung
from qe_plugins.units import Duration, Money

RISKS_A_DAY = 3
"""The default daily loss is what so many trades lose at their stops, by the rung."""

type TriggerName = Literal[
    "daily_loss",
    "rejected_orders",
    "stale_data",
    "expired_posture",
    "clock_skew",
    "journal",
    "disk",
    "hook_timeout",
]


class HaltSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a paper or live session halts by itself; a backtest does not use them.

    `daily_loss` is the loss of a day that halts, by default three times the rung's `risk`, once
    `loss_readings` readings in a row show it. `rejections` rejected orders within
    `rejections_within` halt; so does a bar that is `stale_after` late while its market is open, a
    clock that is off by more than `clock_skew`, and less than `min_free_gib` GiB on the disk.
    Triggers in `disabled` do not halt; a session still halts when a hook does not answer or its
    journal cannot be written.
    """

    daily_loss: Money | None = None
    loss_readings: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    rejections: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    rejections_within: Annotated[Duration, msgspec.Meta(gt=0)] = 60.0
    stale_after: Annotated[Duration, msgspec.Meta(gt=0)] = 300.0
    clock_skew: Annotated[Duration, msgspec.Meta(gt=0)] = 1.0
    min_free_gib: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    disabled: list[TriggerName] = []

    def __post_init__(self) -> None:
        if self.daily_loss is not None and self.daily_loss <= 0:
            raise ValueError(f"daily_loss must be positive, was {self.daily_loss}")

    def loss_limit(self, rung: Rung) -> Decimal:
        """Return the loss of a day that halts, in account currency."""
        return self.daily_loss if self.daily_loss is not None else RISKS_A_DAY * rung.risk
