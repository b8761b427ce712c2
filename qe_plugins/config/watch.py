"""`watch:` of a configuration: what `qe watch` looks at, when it alarms, and what it may do."""

from __future__ import annotations

from typing import Annotated

import msgspec

from qe_plugins.units import Duration, Money

TimeOfDay = Annotated[
    Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None,
    msgspec.Meta(extra={"says": "a time such as '07:00', or null"}),
]
"""A time of day in quotes, or none."""


class RestartSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a node that died is started again; without a `command` it is not.

    `command` is run without a shell in the folder where `qe watch` runs, at most `most_an_hour`
    times, never under a halt. A node that is silent for `kill_after` is killed first; `0s` never
    kills one.
    """

    command: list[str] = []
    most_an_hour: Annotated[int, msgspec.Meta(ge=0, le=60)] = 3
    kill_after: Annotated[Duration, msgspec.Meta(ge=0)] = 0.0


class WatchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the watcher alarms. A condition must last as long as is written here.

    With `required`, no order adds risk while no watcher runs. A position whose stop is missing for
    `unprotected_after` is an alarm; where it is missing for `flatten_after` and no node runs that
    could mend it, the watcher halts and closes the position (`0s` never). `quotes_after` counts
    only while the market is open. `restart_lasts` is how long the gateway may be away from
    `broker.ib.restart_at` on. `model_budget` is what model calls may cost a day, in USD. With
    `parity`, each session's day is checked in the maintenance break. At `report_at`, a time in
    Chicago, the morning page is sent by the channels of `alarms:`; `null` sends none.
    """

    required: bool = False
    every: Annotated[Duration, msgspec.Meta(ge=0.2, le=60)] = 1.0
    unprotected_after: Annotated[Duration, msgspec.Meta(ge=0)] = 5.0
    flatten_after: Annotated[Duration, msgspec.Meta(ge=0)] = 60.0
    book_after: Annotated[Duration, msgspec.Meta(ge=0)] = 15.0
    heartbeat_after: Annotated[Duration, msgspec.Meta(ge=0)] = 15.0
    quotes_after: Annotated[Duration, msgspec.Meta(ge=0)] = 60.0
    gateway_after: Annotated[Duration, msgspec.Meta(ge=0)] = 30.0
    restart_lasts: Annotated[Duration, msgspec.Meta(ge=0)] = 600.0
    min_free_gib: Annotated[float, msgspec.Meta(ge=0)] = 2.0
    clock_skew: Annotated[Duration, msgspec.Meta(gt=0)] = 1.0
    model_budget: Money | None = None
    restart: RestartSettings = RestartSettings()
    parity: bool = True
    report_at: TimeOfDay = "07:00"
