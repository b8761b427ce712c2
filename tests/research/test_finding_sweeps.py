"""A sweep is found as a run is: by place, id, unique prefix, name, or folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from qe_plugins.cli.research.sweep_view import resuming
from qe_plugins.errors import ReportError
from qe_plugins.research import sweep_store
from qe_plugins.research.grid import Axis

OLD, MIDDLE, NEW = (
    "20260102-090000-000000-sweep-es-open",
    "20260103-090000-000000-sweep-es-open",
    "20260104-090000-000000-sweep-gap-fade",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QE_HOME", str(tmp_path))
    for sweep, name in ((OLD, "ES open"), (MIDDLE, "ES open"), (NEW, "gap fade")):
        spec = sweep_store.SweepSpec(
            sweep=sweep, name=name, config="run.yaml", overrides=(), axes=(Axis("a.x", (1, 2)),)
        )
        sweep_store.write_spec(tmp_path / "sweeps" / sweep, spec)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("last", NEW),
        ("last~1", MIDDLE),
        ("last~2", OLD),
        ("20260103", MIDDLE),
        ("ES open", MIDDLE),
        ("gap fade", NEW),
    ],
)
def test_a_sweep_is_found_by(home: Path, text: str, found: str) -> None:
    assert sweep_store.find(text) == home / "sweeps" / found
    assert sweep_store.find(str(home / "sweeps" / found)).name == found


def test_a_sweep_that_is_not_there_is_one_error() -> None:
    with pytest.raises(ReportError, match="no sweep 'monday'"):
        sweep_store.find("monday")
    with pytest.raises(ReportError, match="is the start of 3 sweeps"):
        sweep_store.find("2026")


def test_sweeps_are_listed_newest_first_without_those_that_cannot_be_read(home: Path) -> None:
    (home / "sweeps" / MIDDLE / sweep_store.SWEEP).write_text("{")
    assert [one.sweep for one in sweep_store.listing()] == [NEW, OLD]
    assert sweep_store.find("last~1").name == MIDDLE


def test_a_sweep_is_resumed_with_what_was_set_by_its_id_or_else_its_folder(home: Path) -> None:
    spec = sweep_store.SweepSpec(
        sweep=NEW, name="ES", config="run.yaml", overrides=("rung.risk=25 USD",), axes=()
    )
    begin = "qe sweep run.yaml --set 'rung.risk=25 USD' --resume"

    assert resuming("sweep", spec, home / "sweeps" / NEW) == f"{begin} {NEW}"
    assert resuming("sweep", spec, Path("own")) == f"{begin} own"
