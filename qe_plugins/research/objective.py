"""The objective of a sweep: the figure by which its variants are compared, and their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qe_plugins.errors import ConfigError, did_you_mean
from qe_plugins.research.grid import Axis, short
from qe_plugins.research.trials import FIGURES

if TYPE_CHECKING:
    from qe_plugins.research.variants import VariantResult

LESS_IS_BETTER = frozenset({"volatility", "fees"})
"""Drawdowns are negative: more of them is less loss."""


def check(figure: str, where: str) -> None:
    """Raise ConfigError at `where` for a name that is no figure of a trial."""
    if figure not in FIGURES:
        hint = did_you_mean(figure, FIGURES) or f"Figures are {', '.join(FIGURES)}."
        raise ConfigError(f"no figure '{figure}'.", where=where, hint=hint)


def score(result: VariantResult, figure: str) -> float | None:
    """Return the figure of a variant so that more is better; None where it is undefined."""
    value = result.figures.get(figure)
    if value is None:
        return None
    return -float(value) if figure in LESS_IS_BETTER else float(value)


def best(results: Sequence[VariantResult], figure: str) -> VariantResult | None:
    """Return the variant with the best figure, the first of equals; None where none has one."""
    scored = [(found, one) for one in results if (found := score(one, figure)) is not None]
    return max(scored, key=lambda pair: pair[0])[1] if scored else None


def ordered(
    results: Sequence[VariantResult], field: str, axes: Sequence[Axis], where: str
) -> list[VariantResult]:
    """Return the results by `field`: a figure, best first, or a setting, in the axis' order.

    Those without the figure are last. Raises ConfigError at `where` for another name.
    """
    keys = [axis.key for axis in axes]
    named = dict(zip(short(keys), axes, strict=True)) | {axis.key: axis for axis in axes}
    if (axis := named.get(field)) is not None:
        places = {str(value): place for place, value in enumerate(axis.values)}
        return sorted(results, key=lambda one: places[str(one.variant.settings[axis.key])])
    if field not in FIGURES:
        known = (*FIGURES, *named)
        hint = did_you_mean(field, known) or f"Fields are {', '.join(known)}."
        raise ConfigError(f"no figure and no setting '{field}'.", where=where, hint=hint)
    return sorted(results, key=lambda one: _descending(score(one, field)))


def _descending(value: float | None) -> tuple[bool, float]:
    return value is None, -(value or 0.0)
