"""A catalog is used only if it matches the files; files are added and removed completely."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import databento_dbn as dbn
import pytest

from tests.data.databento.conftest import start_qe, until
from tests.data.dbn.test_record_checks import changed

CONFIG = Path(__file__).parents[3] / "configs" / "backtest" / "es_2013.yaml"


@pytest.fixture
def bought(qe, request_file, home):
    """Buy bars and definitions of two contracts."""
    config = request_file("[ESZ3, ESH4]", "[ohlcv-1m, definition]")
    assert qe("data", "get", config, "--max-cost", "1").code == 0
    return home


def bars(folder: Path) -> list[Path]:
    return sorted((folder / "catalog/data/bars").rglob("*.parquet"))


def _missing(folder: Path) -> None:
    bars(folder)[0].unlink()


def _emptied(folder: Path) -> None:
    bars(folder)[0].write_bytes(b"")


def _duplicated(folder: Path) -> None:
    file = bars(folder)[0]
    shutil.copy(file, file.with_name(f"3{file.name[1:]}"))


def _foreign(folder: Path) -> None:
    first, second = bars(folder)[:2]
    shutil.copy(first, second)


@pytest.mark.parametrize("damage", [_missing, _emptied, _duplicated, _foreign])
def test_a_changed_catalog_is_refused(qe, bought, damage: Callable[[Path], None]) -> None:
    damage(bought.folder)

    verified = qe("data", "verify")
    ran = qe("check", CONFIG, "--set", f"data.catalog={bought.folder / 'catalog'}", *NO_DBN)

    for one in (verified, ran):
        assert one.code == 2
        assert "qe data catalog --rebuild" in one.err
    assert qe("data", "catalog", "--rebuild").code == 0
    assert qe("data", "verify").code == 0


def _own(folder: Path) -> None:
    (folder / "catalog/made_of.json").unlink()


def _other(folder: Path) -> None:
    shutil.rmtree(folder / "catalog")
    (folder / "catalog").mkdir()
    (folder / "catalog/notes.txt").write_text("mine")


def _link(folder: Path) -> None:
    (folder / "catalog").rename(folder.parent / "elsewhere")
    (folder / "catalog").symlink_to(folder.parent / "elsewhere")


def _file(folder: Path) -> None:
    shutil.rmtree(folder / "catalog")
    (folder / "catalog").write_text("mine")


def tree(folder: Path) -> dict[Path, bytes]:
    return {one: one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.parametrize("put", [_own, _other, _link, _file])
def test_a_folder_that_was_not_made_here_is_never_replaced(
    qe, request_file, gateway, bought, shared_data, put: Callable[[Path], None]
) -> None:
    put(bought.folder)
    (bought.folder / ".catalog.mine").mkdir()
    before, asked = tree(bought.folder.parent), len(gateway.ledger.entries)
    more = request_file("[ESZ3, ESH4, ESM4]", "[ohlcv-1m, definition]")
    own = shared_data / "databento/nautilus/definition-glbx-es-fut.dbn.zst"
    name = next(iter(bought.files))

    for words in (
        ("catalog", "--rebuild"),
        ("get", more, "--max-cost", "1"),
        ("import", own),
        ("remove", name, "--paid"),
    ):
        refused = qe("data", *words)
        assert refused.code == 2, words
        [line] = refused.err.splitlines()
        assert "catalog: was not made by this program" in line
        assert line.endswith("Move it away and run the command again.")
        assert tree(bought.folder.parent) == before, words
    assert (bought.folder / ".catalog.mine").is_dir()
    assert len(gateway.ledger.entries) == asked
    if put is not _link:
        assert qe("data", "verify").code == 2
    if put is _own:
        ran = qe("check", CONFIG, "--set", f"data.catalog={bought.folder / 'catalog'}", *NO_DBN)
        assert ran.code == 2
        assert "move it away" in ran.err

    (bought.folder / "catalog").rename(bought.folder.parent / "away")
    assert qe("data", "catalog", "--rebuild").code == 0
    assert qe("data", "verify").code == 0


def test_an_empty_folder_is_taken_for_the_catalog(qe, bought) -> None:
    shutil.rmtree(bought.folder / "catalog")
    (bought.folder / "catalog").mkdir()
    assert qe("data", "catalog", "--rebuild").code == 0
    assert qe("data", "verify").code == 0


NO_DBN = ("--set", "data.dbn=null")


def test_a_catalog_of_fewer_files_than_there_are_is_refused_and_made_by_the_next_get(
    qe, request_file, bought
) -> None:
    stale = bought.folder.parent / "stale"
    shutil.copytree(bought.folder / "catalog", stale)
    config = request_file("[ESZ3, ESH4, ESM4]", "[ohlcv-1m, definition]")
    assert qe("data", "get", config, "--max-cost", "1").code == 0
    shutil.rmtree(bought.folder / "catalog")
    stale.rename(bought.folder / "catalog")

    said = qe("data", "verify").out
    again = qe("data", "get", config, "--max-cost", "1")

    assert "it was made without ES/contracts/ESM14" in said
    assert "Nothing is left to buy." in again.out
    assert "catalog: " in again.out
    assert qe("data", "verify").code == 0


@pytest.mark.long
def test_a_kill_while_the_catalog_is_made_buys_nothing_again(
    qe, request_file, gateway, home, monkeypatch
) -> None:
    config = request_file("[ESZ3, ESH4]", "[ohlcv-1m, definition]")
    process = start_qe("data", "get", config, "--max-cost", "1")
    until(lambda: (home.folder / ".catalog.new").exists() or process.poll() is not None)
    process.kill()
    process.communicate()

    again = qe("data", "get", config, "--max-cost", "1")

    assert again.code == 0
    assert set(gateway.ledger.times_sold().values()) == {1}
    assert qe("data", "verify").code == 0
    assert not (home.folder / ".catalog.new").exists()


@pytest.mark.parametrize("fields", [{"high": -(10**15)}, {"volume": 2**64 - 1}, {"rtype": 7}])
def test_an_import_with_one_wrong_record_takes_over_nothing(
    qe, bought, tmp_path, fields: dict[str, int]
) -> None:
    name = next(one for one in bought.files if "ESZ13.ohlcv" in one)
    wrong = tmp_path / "wrong.dbn.zst"
    shutil.copy(bought.folder / name, wrong)
    changed(wrong, dbn.OHLCVMsg, **fields)
    before, manifest = bought.files, bought.manifest

    refused = qe("data", "import", wrong)

    assert refused.code == 2
    assert "wrong.dbn.zst, record 8: field '" in refused.err
    assert len(refused.err.splitlines()) == 1
    assert (bought.files, bought.manifest) == (before, manifest)
    assert qe("data", "verify").code == 0


def test_a_file_of_another_dataset_is_refused_whole(qe, shared_data, home) -> None:
    options = shared_data / "databento/nautilus/definition-opra.dbn.zst"

    refused = qe("data", "import", options)

    assert refused.code == 2
    assert "is of dataset 'OPRA.PILLAR', and only GLBX.MDP3 (CME Globex) is und" in refused.err
    assert not home.files


def test_another_dataset_is_not_bought(qe, request_file, gateway) -> None:
    config = request_file()
    config.write_text(f"dataset: OPRA.PILLAR\n{config.read_text()}")

    refused = qe("data", "get", config, "--max-cost", "1")

    assert refused.code == 2
    assert "request.yaml:1: is of dataset 'OPRA.PILLAR'" in refused.err
    assert not gateway.ledger.entries


def test_one_damaged_file_costs_one_line_until_it_is_removed(qe, bought) -> None:
    name = next(one for one in bought.files if "ESH14.ohlcv" in one)
    changed(bought.folder / name, dbn.OHLCVMsg, high=-(10**15))

    verified = qe("data", "verify")
    rebuilt = qe("data", "catalog", "--rebuild")

    wrong = [line for line in verified.out.splitlines() if line.startswith("WRONG")]
    assert len(wrong) == 1
    assert name in wrong[0]
    assert rebuilt.code == 2
    assert f"{name}, record 8: field 'high'" in rebuilt.err
    assert qe("data", "remove", name).code == 2
    assert qe("data", "remove", name, "--paid").code == 0
    assert qe("data", "verify").code == 0
    assert "ESH14" not in " ".join(path.parent.name for path in bars(bought.folder))


def test_what_was_removed_by_mistake_is_named(qe, bought) -> None:
    for name in ("../../evil", "manifest.json", "catalog", "ES", "ES/contracts/nothing"):
        refused = qe("data", "remove", name, "--paid")
        assert refused.code == 2
        assert "no such file" in refused.err
    assert qe("data", "verify").code == 0


def test_an_import_is_removed_without_more_ado(qe, shared_data, home) -> None:
    for one in (shared_data / "es_2013").glob("ES.FUT_parent_*"):
        assert qe("data", "import", one).code == 0

    removed = qe("data", "remove", *home.manifest["files"])

    assert removed.code == 0
    assert home.files == {}
    assert not (home.folder / "catalog").exists()
    assert qe("data", "list").code == 0


def test_a_generated_catalog_is_removed_and_no_other_folder(qe, home) -> None:
    assert qe("data", "synth", "--years", "1", "--roots", "MES").code == 0
    (made,) = home.folder.parent.glob("synth-*")
    mine = home.folder.parent / "mine"
    mine.mkdir()

    assert qe("data", "remove", "mine").code == 2
    assert qe("data", "remove", made.name).code == 0
    assert (mine.exists(), made.exists()) == (True, False)
