"""The section `ladder:` of a run's file: the validation ladder that a strategy is on."""

from __future__ import annotations

import msgspec


class LadderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ladder's `file`, and the name under which its state is kept, by default the run's name.

    A session takes its rung from that state; a backtest from `rung`. `claim` is the file whose
    `claim:` has the edge and the checks of the strategy, for a ladder with `claim: from_file`.
    """

    file: str
    name: str = ""
    claim: str = ""
