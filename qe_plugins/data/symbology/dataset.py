"""The one supported dataset, CME Globex: contract terms and sessions are known only for it."""

from __future__ import annotations

from qe_plugins.errors import DataError

KNOWN = "GLBX.MDP3"


def refuse_others(dataset: str, where: str) -> None:
    """Raise DataError for a dataset of another venue, such as OPRA.PILLAR."""
    if dataset != KNOWN:
        raise DataError(
            f"is of dataset {dataset[:40]!r}, and only {KNOWN} (CME Globex) is understood: of no "
            "other are contracts, ticks and sessions known here.",
            where=where,
            hint="Nothing was taken over.",
        )
