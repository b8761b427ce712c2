"""The data of a factor test for its commands: settings, features, decisions, and their store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from qe_plugins.cli.output import echo
from qe_plugins.cli.progress import progress, working

if TYPE_CHECKING:
    import numpy as np

    from qe_plugins.cluster.connection import Cluster
    from qe_plugins.plugins.types import Family
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
    from qe_plugins.features.checks import record
    from qe_plugins.features.families import registered_families
    from qe_plugins.features.source import bars_of, contracts_of
    from qe_plugins.features.store import compute_store
    from qe_plugins.features.store_folder import StoreFolder
    from qe_plugins.features.store_jobs import on_cluster
    from qe_plugins.research.factors.factor_test import prepare
    from qe_plugins.research.factors.feature_matrix import registered
    from qe_plugins.research.factors.settings import check_hypotheses, load
    from qe_plugins.state_dir import check_writable, state_dir

    loaded = load(file, overrides)
    settings = loaded.settings
    families = registered_families() if settings.features != "all" else {}
    wanted = _named(settings, families)
    broken = {name: why for name, why in record.failed().items() if name in wanted}
    names = [name for name in wanted if name not in broken]
    store = StoreFolder(place or state_dir() / "features" / settings.name)
    if store.url is None:
        check_writable(store.path)
    tape = open_tape(settings.data, lambda key: loaded.where("data", key))
    bars, contracts = bars_of(tape), contracts_of(tape)
    data = prepare(settings, bars, contracts)  # refused before features are computed
    check_hypotheses(loaded, len(names), len(data.rows))
    echo(f"{len(names):,} features of {sum(map(len, bars.values())):,} bars", err=True)
    with working("calling the families of plugins at decisions"):
        own = registered(names, families, bars, contracts, data.rows)
    used = {name.partition(".")[2] for name in own}
    data = structs.replace(
        data,
        families={name: one for name, one in families.items() if name in used},
        own=own,
        left_out={name: f"failed its check: {why}" for name, why in broken.items()},
    )

    def say(line: str) -> None:
        echo(line, err=True)

    elsewhere = on_cluster(cluster, settings.data, store, say) if cluster is not None else None
    with progress("features", "files") as advance:
        stored = [name for name in names if name not in own]
        compute_store(str(store), stored, bars, contracts, workers, say, elsewhere, advance)
    return settings, names, data, str(store)


def _named(settings: FactorSettings, families: Mapping[str, Family]) -> list[str]:
    """Return the features that a test names; `all` are those of the catalogue."""
    from qe_plugins.cli.features.bars import named

    listed = settings.features
    return named(() if listed == "all" else listed, listed == "all", families)


def values_of(store: str, names: list[str], data: FactorData) -> dict[str, np.ndarray]:
    """Return the values of features at all decisions."""
    from qe_plugins.research.factors.feature_matrix import blocks

    found = blocks(store, names, data.rows, data.own)
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
