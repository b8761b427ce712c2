"""A user's own Parquet catalog as a tape."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nautilus_trader.model import FuturesContract
from nautilus_trader.persistence import ParquetDataCatalog

from qe_plugins.config.schema import SyntheticSettings
from qe_plugins.data.synthetic.label import LABEL
from qe_plugins.errors import DataError
from tests.data.dbn_tape import keys, opened

BAR_TYPE = "MESH24.XCME-1-MINUTE-LAST-EXTERNAL"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    made = opened(synthetic=SyntheticSettings(sessions=2)).catalog
    mine = Path(shutil.copytree(made, tmp_path / "mine"))
    (mine / LABEL).unlink()
    return mine


def refusal(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        opened(catalog=str(folder))
    return str(caught.value)


def test_a_catalog_is_a_tape(catalog: Path) -> None:
    tape = opened(catalog=str(catalog))
    assert (tape.source, tape.label) == ("catalog", "Parquet catalog mine (MESH24, MESM24)")
    assert keys(tape) == keys(opened(synthetic=SyntheticSettings(sessions=2)))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert refusal(gone) == f"run.yaml:catalog: there is no folder {gone}. Check the path."


def test_a_folder_that_is_no_catalog_is_refused(tmp_path: Path) -> None:
    assert f"{tmp_path} is no Parquet catalog: it has no folder 'data'." in refusal(tmp_path)


def test_a_catalog_without_contracts_is_refused(catalog: Path) -> None:
    shutil.rmtree(catalog / "data/futures_contract")
    assert f"{catalog} has no dated futures contracts." in refusal(catalog)


def test_a_catalog_of_continuous_series_is_refused(catalog: Path) -> None:
    march = ParquetDataCatalog(str(catalog)).instruments(["MESH24.XCME"])[0].to_dict()
    spliced = FuturesContract.from_dict(march | {"id": "MES.c.0.GLBX", "raw_symbol": "MES.c.0"})
    shutil.rmtree(catalog / "data/futures_contract")
    ParquetDataCatalog(str(catalog)).write_instruments([spliced])
    assert f"{catalog} has no dated futures contracts." in refusal(catalog)


def test_a_catalog_without_bars_is_refused(catalog: Path) -> None:
    shutil.rmtree(catalog / "data/bars")
    assert "run.yaml:bars: the data has no bars." in refusal(catalog)


def test_a_catalog_of_nautilus_1_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data/bar" / BAR_TYPE).mkdir(parents=True)
    assert refusal(tmp_path) == (
        f"run.yaml:catalog: {tmp_path} is a catalog of Nautilus 1 (it has 'data/bar'). "
        "Write it again with Nautilus 2, or point 'dbn:' at the files it came from."
    )


def test_bars_that_the_engine_would_read_as_zero_are_refused(catalog: Path) -> None:
    file = next(catalog.glob(f"data/bars/{BAR_TYPE}/*"))
    table = pq.read_table(file)
    close = table.schema.get_field_index("close")
    raw = pa.array([b"\0" * 16] * table.num_rows, pa.binary(16))
    pq.write_table(table.set_column(close, "close", raw), file)
    assert f"{file} holds prices as fixed_size_binary[16], not as decimals." in refusal(catalog)


def test_a_garbled_file_is_refused(catalog: Path) -> None:
    file = next(catalog.glob(f"data/bars/{BAR_TYPE}/*"))
    file.write_bytes(b"no parquet")
    assert f"run.yaml:catalog: {file} cannot be read:" in refusal(catalog)


def test_a_run_may_be_limited_to_roots(catalog: Path) -> None:
    assert keys(opened(catalog=str(catalog), roots=["MES"])) == keys(opened(catalog=str(catalog)))


def test_a_root_that_the_data_lacks_is_refused(catalog: Path) -> None:
    with pytest.raises(DataError, match=r"the data has no bars of CL\. It has MES"):
        opened(catalog=str(catalog), roots=["CL"])


def test_a_copy_of_a_generated_catalog_is_still_labelled_synthetic(tmp_path: Path) -> None:
    made = opened(synthetic=SyntheticSettings(sessions=2)).catalog
    tape = opened(catalog=str(shutil.copytree(made, tmp_path / "copy")))
    assert tape.source == "synthetic"
    assert tape.label.startswith("SYNTHETIC")
