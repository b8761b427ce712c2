"""No name in a file's header, a download request or a manifest leads out of the data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from qe_plugins import state_dir
from qe_plugins.data.databento.importer import _root_of_file
from qe_plugins.data.databento.manifest import open_manifest
from qe_plugins.data.dbn.records import Header
from qe_plugins.errors import DataError

OUT = [
    "..",
    "../x",
    "a/../../x",
    "/etc",
    "",
    ".",
    "a//b",
    "a\\b",
    "a\x00b",
    "a\nb",
    "n" * 400,
    "a/..",
]


@pytest.mark.parametrize("name", OUT)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="is no path below it"):
        state_dir.inside(tmp_path, name)


@pytest.mark.parametrize("name", ["ES", "ES/imported/my bars (2).dbn.zst", "GLBX.MDP3", "é", "..x"])
def test_a_name_below_is_taken(tmp_path: Path, name: str) -> None:
    assert state_dir.inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize("dataset", [*OUT, "GLBX/MDP3"])
def test_a_dataset_is_one_folder_of_the_data_folder(dataset: str) -> None:
    with pytest.raises(DataError):
        open_manifest(dataset)
    assert not state_dir.state_dir().exists()


@pytest.mark.parametrize("name", OUT)
def test_a_file_of_a_manifest_lies_in_its_dataset(name: str) -> None:
    with pytest.raises(DataError):
        open_manifest("GLBX.MDP3").path(name)


@pytest.mark.parametrize(
    "symbol", ["../../x.FUT", "/etc.FUT", "..FUT", "\x1b[2J.FUT", "A" * 400 + ".FUT"]
)
def test_a_root_that_is_none_names_no_folder(symbol: str) -> None:
    about = Header(
        dataset="GLBX.MDP3",
        schema="ohlcv-1m",
        stype_in="parent",
        symbols=(symbol,),
        start=0,
        end=None,
        names={},
    )
    assert _root_of_file(about) == "mixed"
