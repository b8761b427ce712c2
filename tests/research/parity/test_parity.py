"""A session's rerun is clean, and what is planted is red and named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from qe_plugins.config.loader import Loaded, load
from qe_plugins.data.catalog import writer
from qe_plugins.data.catalog.catalog import RecordKind
from qe_plugins.data.catalog.row_groups import times
from qe_plugins.data.tape import open_tape
from qe_plugins.engine.live import faked_clock
from qe_plugins.engine.live.session import SessionOptions, run_session
from qe_plugins.engine.live.view import SessionView
from qe_plugins.errors import JournalError
from qe_plugins.halt.latch import HaltLatch
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.research.parity import messages
from qe_plugins.research.parity.check import check_parity
from qe_plugins.research.parity.outcome import Parity, record
from qe_plugins.research.parity.recorded_session import find_session
from tests.command import ROOT, qe

QUICKSTART = ROOT / "configs/backtest/quickstart.yaml"
FEW = ("data.synthetic.sessions=1", "data.synthetic.contracts=1")


def trade(loaded: Loaded, show: Callable[[SessionView], None] = lambda _: None) -> str:
    """Run a session as fast as it can, close its run, and return its id."""
    finished = run_session(loaded, SessionOptions(speed=None), show=show)
    finished.close_run()
    return finished.result.run_id


def parity(**how: Any) -> Parity:
    """Return the parity of the last session."""
    return check_parity(find_session("last"), **how)


def test_a_session_is_clean_and_a_changed_limit_is_red_and_named_where_it_matters() -> None:
    run_id = trade(load(QUICKSTART, FEW))
    found = parity()
    assert found.clean, messages.rows(found)
    assert min(found.counts[kind] for kind in ("vote", "size", "order", "fill", "veto")) > 0
    assert messages.verdict(found).startswith("clean: ")
    changed = parity(overrides=["plugins.guardian_volatility.multiple=3"])
    assert not changed.clean
    [cause] = changed.causes
    assert cause.text == "plugins.guardian_volatility.multiple: 5.0 then, 3 now"
    assert cause.first.startswith("veto of ")
    assert cause.following["fill"] > 0
    unchanged = parity(overrides=["plugins.guardian_limits.daily_loss=99 USD"])
    assert unchanged.clean, messages.rows(unchanged)
    [note] = messages.notes(unchanged)
    assert "plugins.guardian_limits.daily_loss" in note
    record(changed)
    with Journal.open() as journal:
        [fact] = journal.facts(journal.resolve("last"), [FactKind.PARITY])
        assert journal.verify() == []
    assert (fact.body["session"], fact.body["clean"]) == (run_id, False)
    assert find_session("last").run_id == run_id


def test_a_bar_that_was_received_differently_is_red_and_named(tmp_path: Path) -> None:
    loaded = load(QUICKSTART, FEW)
    original = open_tape(loaded.config.data, lambda _: "data").catalog
    changed = tmp_path / "changed"
    shutil.copytree(original, changed)
    at, close = change_a_bar(changed, 600)
    trade(load(QUICKSTART, (f"data.catalog={changed}",)))
    assert parity().clean
    found = parity(data=[f"data.catalog={original}"])
    assert not found.clean
    assert {cause.kind for cause in found.causes} == {"bar"}
    first = found.causes[0]
    assert first.text.startswith(f"bar MESH24 {at} differs: ")
    assert f"close {close + 20:.2f} here, {close:.2f} in the data" in first.text
    assert first.following["fill"] > 0


def change_a_bar(catalog: Path, index: int) -> tuple[str, float]:
    """Add 20 points to high and close of a bar; return its time and its close before."""
    [folder] = (catalog / "data" / "bars").iterdir()
    [file] = folder.iterdir()
    table = pq.read_table(file)
    stamps = times(table)
    columns = [
        np.array([int(value * 100) for value in table.column(name).to_pylist()], np.int64)
        for name in writer.PRICES
    ]
    before = int(columns[3][index])
    columns[1][index] = max(columns[1][index], before + 2_000)
    columns[3][index] += 2_000
    volumes = np.array([int(value) for value in table.column("volume").to_pylist()], np.int64)
    shutil.rmtree(folder)
    writer.write_series(
        catalog, RecordKind.BARS, folder.name, writer.bar_table(columns, volumes, stamps)
    )
    at = str(np.datetime64(int(stamps[index]), "ns").astype("datetime64[m]")).replace("T", " ")
    return at, before / 100


def test_a_session_under_a_halt_is_clean_under_the_same_halt() -> None:
    latch = HaltLatch.at_home()

    def halt(view: SessionView) -> None:
        if any(one.kind == "fill" for one in view.new) and latch.read() is None:
            latch.set("a test", "person", by="ann")
        elif any(one.kind == "veto" for one in view.new) and latch.read() is not None:
            latch.set("another", "person", by="bob")

    trade(load(QUICKSTART, FEW), halt)
    latch.clear("over", by="ann")
    found = parity()
    assert found.clean, messages.rows(found)
    assert any(one.body["plugin"] == "halt" for one in vetoes())


def vetoes() -> list[Any]:
    """Return the vetoes of the last session."""
    return [one for one in find_session("last").facts if one.kind is FactKind.VETO]


def test_a_session_that_died_is_compared_up_to_its_last_bar() -> None:
    def kill(view: SessionView) -> None:
        if sum(one.kind == "fill" for one in view.last) >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trade(load(QUICKSTART, FEW), kill)
    found = parity()
    assert found.session.still_open
    assert found.clean, messages.rows(found)
    assert "no end yet" in messages.headline(found)


def test_what_is_no_session_is_one_line() -> None:
    with pytest.raises(JournalError, match="no run yet"):
        find_session("last")
    start = datetime.now(UTC)
    with Journal.open() as journal:
        journal.write_run("a-backtest", "a", start, [])
        journal.open_run("just-begun", "a", start)
    with pytest.raises(JournalError, match="is not a session"):
        find_session("a-backtest")
    with pytest.raises(JournalError, match="no session yet"):
        find_session("last")
    with pytest.raises(JournalError, match="no session 'nothing'"):
        find_session("nothing")


@pytest.mark.long
@pytest.mark.parametrize("engine", ["node", "stream"])
def test_es_2013_and_the_quickstart_are_clean_on_both_engines(
    engine: str, shared_data: Path
) -> None:
    if engine == "node" and faked_clock.library() is None:
        pytest.skip("Debian's faketime is not installed")
    how = ("--speed", "max", "--engine", engine)
    sessions = [
        ("configs/backtest/quickstart.yaml", "--replay", "config"),
        ("configs/backtest/es_2013.yaml", "--replay", shared_data / "es_2013"),
    ]
    for session in sessions:
        done = qe("paper", *session, *how)
        assert done.returncode == 0, done.stderr
        done = qe("parity")
        assert done.returncode == 0, done.stdout
        assert "clean: " in done.stdout
