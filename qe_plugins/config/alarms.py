"""`alarms:` of a configuration: the channels through which alarms go out."""

from __future__ import annotations

from typing import Annotated

import msgspec

from qe_plugins.units import Duration


class AlarmSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every alarm goes to each channel given here, and to the journal always.

    `command` is run without a shell with the alarm as JSON on its standard input. `webhook` is an
    address that the same JSON is posted to. `notify` are addresses of `apprise`, such as
    `tgram://TOKEN/CHAT` or `mailto://...`: keep them in the environment, as `${QE_TELEGRAM}`. A
    channel that fails is tried again for `retry_for`. `observatory` is the address of the
    Observatory, whose page of the incident an alarm links to.
    """

    command: list[str] = []
    webhook: str | None = None
    notify: list[str] = []
    observatory: str | None = None
    timeout: Annotated[Duration, msgspec.Meta(gt=0)] = 10.0
    retry_for: Annotated[Duration, msgspec.Meta(ge=0)] = 86_400.0
