"""A watcher of the live example, against the simulated TWS, in a home of its own."""

from __future__ import annotations

import pytest

from qe_plugins.config.loader import load
from qe_plugins.guard.watcher import Watcher
from tests.command import ROOT

CONFIG = ROOT / "configs" / "live" / "mes_paper.yaml"
AT_ONCE = ("unprotected_after", "book_after", "gateway_after", "quotes_after", "heartbeat_after")


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    monkeypatch.setenv("QE_HOME", str(folder))
    monkeypatch.delenv("QE_JOURNAL_URL", raising=False)
    return folder


@pytest.fixture
def overrides(qe_tws):
    return [f"broker.ib.port={qe_tws.port}", *(f"watch.{name}=0s" for name in AT_ONCE)]


@pytest.fixture
def make_watcher(home, overrides, monkeypatch):
    """Return a function that makes a watcher, with further overrides; alarms are kept in `sent`."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("qe_plugins.guard.looking.ANSWER", 30.0)  # a busy machine is no fault
    made = []

    def make(*further: str) -> Watcher:
        watcher = Watcher(load(CONFIG, [*overrides, *further]), CONFIG)
        watcher.sent = []
        watcher.dispatch.send = watcher.sent.append
        made.append(watcher)
        return watcher

    yield make
    for one in made:
        one.close()


@pytest.fixture
def watcher(make_watcher):
    return make_watcher()
