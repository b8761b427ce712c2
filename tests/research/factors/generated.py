"""Generated histories with their features in memory, and the drift that was planted in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pytest

from qe_plugins.bars import Bars
from qe_plugins.config.schema import DataSettings, SyntheticSettings
from qe_plugins.data.synthetic import price_path
from qe_plugins.data.synthetic.roots import SPECS, seed_of
from qe_plugins.data.synthetic.schedule import plan
from qe_plugins.data.tape import open_tape
from qe_plugins.features.feed import FeatureFeed, ListedContract
from qe_plugins.features.names import Wanted
from qe_plugins.features.source import bars_of, contracts_of
from qe_plugins.research.factors.decisions import DecisionRows
from qe_plugins.research.factors.factor_test import FactorData, prepare
from qe_plugins.research.factors.settings import Decisions, FactorSettings


class GeneratedHistory(NamedTuple):
    """A test's settings, bars and decisions."""

    settings: FactorSettings
    bars: dict[str, Bars]
    contracts: list[ListedContract]
    data: FactorData

    @property
    def rows(self) -> DecisionRows:
        """Return the decisions of its only root."""
        return self.data.rows[0]

    @property
    def fronts(self) -> list[tuple[int, str]]:
        """Return the contracts of the decisions, with the moment from which on each is one."""
        contract = self.rows.contract
        first = np.flatnonzero(np.r_[True, contract[1:] != contract[:-1]])
        return [(int(self.rows.ts[at]), str(contract[at])) for at in first]


class PlantedDrift(NamedTuple):
    """What was planted in each minute, by its close: drift and deviation of the log price."""

    ts: np.ndarray
    drift: np.ndarray
    deviation: np.ndarray


def generated(seed: int, planted: float, years: int = 5, **changes) -> GeneratedHistory:
    """Return a history of ES with decisions a quarter of an hour, day and night."""
    made = SyntheticSettings(root="ES", years=years, start="2020-01-02", seed=seed, planted=planted)
    given = DataSettings(synthetic=made, roots=["ES"])
    around = Decisions(session="all")
    settings = FactorSettings(name=f"generated-{seed}", data=given, decisions=around, **changes)
    tape = open_tape(given, lambda key: key)
    bars, contracts = bars_of(tape), contracts_of(tape)
    return GeneratedHistory(settings, bars, contracts, prepare(settings, bars, contracts))


def values_of(
    names: Sequence[str],
    bars: Mapping[str, Bars],
    contracts: Sequence[ListedContract],
    rows: DecisionRows,
) -> np.ndarray:
    """Return features of one-minute bars at decisions: a row a decision, a column a feature."""
    found = np.full((len(rows.ts), len(names)), np.nan, dtype=np.float32)
    for contract in np.unique(rows.contract).tolist():  # one at a time: years of bars are large
        own = [one for one in contracts if one.id == contract]
        feed = FeatureFeed(Wanted(names), own, "1m")
        feed.compute({contract: bars[contract]})
        here = rows.contract == contract
        at = np.searchsorted(bars[contract].ts_event, rows.ts[here])
        for column, name in enumerate(names):
            found[here, column] = feed.column(contract, name)[at]
    return found


def planted_drift(history: GeneratedHistory) -> PlantedDrift:
    """Return what was planted in a history, by generating its prices again."""
    made = history.settings.data.synthetic
    assert made is not None
    planned = plan(made, lambda key: key)
    drifts, deviations = [], []
    plant = price_path._plant

    def noted(moves: np.ndarray, minutes: np.ndarray, past: np.ndarray, size: float) -> np.ndarray:
        before = moves.sum(axis=1)
        last = plant(moves, minutes, past, size)
        drifts.append(moves.sum(axis=1) - before)
        deviations.append(minutes)
        return last

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(price_path, "_plant", noted)
        seed = seed_of(made.seed, SPECS["ES"].underlying)
        paths = price_path.PathCache(seed, made.volatility, made.planted)
        for day in range(len(planned.days)):
            paths.between(day, day)
    stamps, _ = planned.stamps(np.arange(len(planned.days)))
    parts = (stamps, np.stack(drifts), np.stack(deviations))
    return PlantedDrift(*(part.ravel() for part in parts))
