"""The section `desk:` of a fleet's file: what `qe desk` runs beside its session, and when."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, field

from qe_plugins.config.schema import Section
from qe_plugins.units import Duration, Money


class DeskSession(Section, frozen=True, kw_only=True):
    """The session that a desk starts, or takes up where it runs already.

    `config` is the run's file. With `replay`, as of `qe paper --replay`, it is paper trading on
    recorded data at `speed` times real time; without, `mode` says paper or live at the broker.
    """

    config: str
    mode: Literal["paper", "live"] = "paper"
    replay: str | None = None
    speed: Annotated[float, Meta(gt=0, le=100_000)] = 60.0

    def __post_init__(self) -> None:
        if self.replay is not None and self.mode == "live":
            raise ValueError("a replay is paper trading: leave out 'mode: live'")


class DeskLimits(Section, frozen=True, kw_only=True):
    """A person's limits of the postures of GUARDIAN, which are tighter or as tight.

    `max_loss` is of a session, in account currency; a posture of GUARDIAN holds for at most
    `validity`. The default of two contracts leaves one after a small loss.
    """

    max_contracts: Annotated[int, Meta(ge=1)] = 2
    max_loss: Money = Decimal(250)
    validity: Annotated[Duration, Meta(ge=60, le=3_600)] = 3_600.0

    def __post_init__(self) -> None:
        if self.max_loss <= 0:
            raise ValueError(f"max_loss must be positive, was {self.max_loss}")


class DeskSettings(Section, frozen=True, kw_only=True):
    """What a desk does beside hunts, which are due every `schedule.every` of a session.

    `hunt` says who hunts: a `session` of the HUNTER with its tools, whose signals have stops,
    targets and an end, or a `scan` of the tree, which is recorded for ablations. Sessions are those
    of `root`. `roles` are the coordinators that work besides the HUNTER: GUARDIAN tightens postures
    within `limits`, ANALYST reviews each closed trade, SYNTHESIS writes a page with each report. A
    posture by rules is valid for `posture_valid` and renewed at half of it. No hunt is due in the
    last `no_hunt_before_close` of a session. `report_at` are times in Chicago, besides the nightly
    report after the close; `send` is a file whose `alarms:` say where reports are sent.
    """

    session: DeskSession | None = None
    hunt: Literal["session", "scan"] = "session"
    root: str = "MES"
    roles: list[Literal["GUARDIAN", "ANALYST", "SYNTHESIS"]] = field(
        default_factory=lambda: ["GUARDIAN", "ANALYST", "SYNTHESIS"]
    )
    limits: DeskLimits = DeskLimits()
    posture_valid: Annotated[Duration, Meta(ge=60)] = 14_400.0
    no_hunt_before_close: Annotated[Duration, Meta(ge=0)] = 1_800.0
    report_at: list[Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]] = field(
        default_factory=lambda: ["07:00"]
    )
    send: str | None = None
