"""The data of a factor test for its commands: settings, features, decisions, and their store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qe_plugins.cli.output import echo
from qe_plugins.cli.progress import progress

if TYPE_CHECKING:
    import numpy as np

    from qe_plugins.cluster.connection import Cluster
    from qe_plugins.research.factors.breakdown import FactorPart, Part
    from qe_plugins.research.factors.factor_test import FactorData, FactorResult
    from qe_plugins.research.factors.settings import FactorSettings


def prepared(
    file: Path,
    overrides: Sequence[str],
    workers: int,
    place: Path | None = None,
    cluster: Cluster | None = None,
) -> tuple[FactorSettings, list[str], FactorData, str]:
    """Return settings, features and decisions of FILE, and the store with their values."""
    from qe_plugins.data.tape import open_tape
    from qe_plugins.features.source import bars_of, contracts_of
    from qe_plugins.features.store import compute_store
    from qe_plugins.features.store_folder import StoreFolder
    from qe_plugins.features.store_jobs import on_cluster
    from qe_plugins.research.factors.factor_test import prepare
    from qe_plugins.research.factors.settings import check_hypotheses, load
    from qe_plugins.state_dir import check_writable, state_dir

    loaded = load(file, overrides)
    settings = loaded.settings
    broken = failed(settings)
    names = [name for name in _named(settings) if name not in broken]
    store = StoreFolder(place or state_dir() / "features" / settings.name)
    if store.url is None:
        check_writable(store.path)
    tape = open_tape(settings.data, lambda key: loaded.where("data", key))
    bars, contracts = bars_of(tape), contracts_of(tape)
    data = prepare(settings, bars, contracts)  # refused before features are computed
    check_hypotheses(loaded, len(names), len(data.rows))
    echo(f"{len(names):,} features of {sum(map(len, bars.values())):,} bars", err=True)

    def say(line: str) -> None:
        echo(line, err=True)

    elsewhere = on_cluster(cluster, settings.data, store, say) if cluster is not None else None
    with progress("features", "files") as advance:
        compute_store(str(store), names, bars, contracts, workers, say, elsewhere, advance)
    return settings, names, data, str(store)


def _named(settings: FactorSettings) -> list[str]:
    """Return the features that a test names."""
    from qe_plugins.cli.features.bars import named

    listed = settings.features
    return named(() if listed == "all" else listed, listed == "all")


def failed(settings: FactorSettings) -> dict[str, str]:
    """Return the features among them that failed `qe features check`, with the reason."""
    from qe_plugins.features.checks import record

    known = record.failed()
    return {name: known[name] for name in _named(settings) if name in known} if known else {}


def values_of(store: str, names: list[str], data: FactorData) -> dict[str, np.ndarray]:
    """Return the values of features at all decisions."""
    from qe_plugins.research.factors.feature_matrix import blocks

    found = blocks(store, names, data.rows)
    return {name: values[:, k] for listed, values in found for k, name in enumerate(listed)}


def parts_of(result: FactorResult, factor: str, by: Part) -> list[FactorPart]:
    """Return a factor of a test by parts of its decisions, read again as the test read them.

    Raises DataError where the data is not that of the test.
    """
    from qe_plugins.errors import DataError
    from qe_plugins.research.factors.breakdown import by_part

    _, _, data, store = prepared(Path(result.config), result.overrides, 1)
    if result.data and result.data != data.source:
        message = f"the data is not that of the test ({result.data}, now {data.source})."
        raise DataError(message, where=result.config, hint="Test again.")
    return by_part(data, values_of(store, [factor], data)[factor], by)
