"""Catalogs, results, run folders and features at `s3://` URLs, on a server that is really one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from qe_plugins.config.loader import load
from qe_plugins.config.schema import DataSettings, SyntheticSettings
from qe_plugins.data import object_store
from qe_plugins.data.tape import open_tape
from qe_plugins.engine.running.backtest import run as run_backtest
from qe_plugins.errors import DataError
from qe_plugins.features.source import bars_of, contracts_of
from qe_plugins.features.store import MANIFEST, compute_store
from qe_plugins.features.store_folder import StoreFolder
from qe_plugins.features.store_jobs import on_cluster
from qe_plugins.report import run_folder, run_index
from qe_plugins.report.sweep_job import measure
from qe_plugins.research import sweep_store
from qe_plugins.research.grid import read_axes
from qe_plugins.research.sweep_runner import SweepResult, sweep
from qe_plugins.research.sweep_store import SweepSpec
from tests.cluster.conftest import ROOT
from tests.cluster.object_server import BUCKET

CATALOG = f"{BUCKET}/catalogs/generated"
DATA = DataSettings(synthetic=SyntheticSettings(sessions=3))
NAMES = ["1m.velocity.5", "1h.velocity.5", "1d.velocity.5"]


@pytest.fixture(scope="module")
def catalog(objects: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a catalog that is also in the bucket."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QE_HOME", str(tmp_path_factory.mktemp("home")))
        folder = open_tape(DATA, str).catalog
    object_store.upload(folder, CATALOG)
    return folder


def settings(folder: Path, catalog: object) -> Path:
    """Return a run on a catalog as a file."""
    file = folder / "run.yaml"
    file.write_text(
        f"extends: {ROOT / 'configs/base/cme.yaml'}\n"
        "name: remote\n"
        f"data: {{catalog: {catalog}}}\n"
        "strategies:\n"
        "  ema_cross: {instrument_id: MESH24.XCME, fast: 5, slow: 30}\n"
    )
    return file


def swept(file: Path, place: Path, sweep_id: str) -> SweepResult:
    axes = read_axes(["strategies.ema_cross.fast=5,10"])
    spec = SweepSpec(sweep=sweep_id, name="remote", config=str(file), overrides=(), axes=axes)
    return sweep(spec, place, measure)


def test_a_sweep_at_urls_is_the_local_one_and_is_resumed_in_another_home(
    catalog, in_this_process, tmp_path, monkeypatch
):
    out = f"{BUCKET}/sweeps/there"
    place = sweep_store.folder("20240103-there", Path(out))
    there = swept(settings(tmp_path, CATALOG), place, "20240103-there")
    sweep_store.publish(place, Path(out))
    here = swept(settings(tmp_path, catalog), tmp_path / "here", "20240103-here")
    monkeypatch.setenv("QE_HOME", str(tmp_path / "another home"))
    resumed = swept(settings(tmp_path, CATALOG), sweep_store.find(out), "20240103-there")

    assert [one.figures for one in there.results] == [one.figures for one in here.results]
    assert (there.failed, resumed.found, resumed.results) == (0, 2, there.results)
    assert resumed.folder.is_relative_to(tmp_path / "another home")
    assert set(object_store.listing(out)) == {"sweep.json", "results.jsonl"}


def test_a_run_folder_at_a_url_is_read_from_it_in_another_home(catalog, tmp_path, monkeypatch):
    out = Path(f"{BUCKET}/runs/one")
    run_folder.check_out(out)
    loaded = load(settings(tmp_path, CATALOG))
    written = run_folder.write(run_backtest(loaded), loaded.resolved, out)
    monkeypatch.setenv("QE_HOME", str(tmp_path / "another home"))
    found = run_index.find(f"{BUCKET}/runs/one")

    assert found.is_relative_to(tmp_path / "another home")
    assert {one.name: one.read_bytes() for one in found.iterdir()} == {
        one.name: one.read_bytes() for one in written.iterdir()
    }
    with pytest.raises(DataError, match="there are files already"):
        run_folder.check_out(out)


def test_features_from_a_cluster_at_a_url_are_those_from_here(catalog, worker, tmp_path):
    data = DataSettings(catalog=CATALOG)
    tape = open_tape(data, str)
    market = bars_of(tape), contracts_of(tape)
    there = StoreFolder(f"{BUCKET}/features/small")
    made = compute_store(str(there), NAMES, *market, compute=on_cluster(worker, data, there, print))
    here = compute_store(tmp_path, NAMES, *market)

    assert made == here
    assert there.read(MANIFEST) == (tmp_path / MANIFEST).read_bytes()
    assert len(here.files) == 3
    assert [there.read(name) for name in here.files] == [
        (tmp_path / name).read_bytes() for name in here.files
    ]
    said: list[str] = []
    compute_store(str(there), NAMES, *market, report=said.append)
    assert said == ["0 files computed, 3 used again"]


def test_a_worker_with_other_data_computes_no_features(catalog, worker, tmp_path):
    data = msgspec.structs.replace(DATA, synthetic=SyntheticSettings(sessions=4))
    tape = open_tape(DataSettings(catalog=CATALOG), str)
    there = StoreFolder(f"{BUCKET}/features/wrong")

    with pytest.raises(Exception, match=r"the bars here are others \(\w+\) than those asked for"):
        compute_store(
            str(there), NAMES, bars_of(tape), contracts_of(tape),
            compute=on_cluster(worker, data, there, print),
        )  # fmt: skip


def test_a_bucket_that_is_not_there_is_one_line(objects):
    hint = "Check AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."

    with pytest.raises(DataError) as data:
        open_tape(DataSettings(catalog="s3://nowhere/catalog"), lambda key: f"run.yaml:3 {key}")
    with pytest.raises(DataError) as out:
        run_folder.check_out(Path("s3://nowhere/run"))

    assert str(data.value) == f"run.yaml:3 catalog: there is no bucket 'nowhere'. {hint}"
    assert str(out.value) == f"s3://nowhere/run: there is no bucket 'nowhere'. {hint}"


def test_a_folder_that_is_empty_is_said_to_be(objects):
    with pytest.raises(DataError, match="there is nothing at s3://desk/none"):
        object_store.fetched(f"{BUCKET}/none")


def test_a_store_that_cannot_be_reached_is_said_to_be(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    with pytest.raises(DataError, match="s3://desk/none cannot be used: NETWORK_CONNECTION"):
        object_store.listing(f"{BUCKET}/none")
