"""`get` killed at every stage, and run again: receipts equal the bill, and nothing is bought twice.

Each stage is a place in the code at which the process kills itself, or a stream of the gateway's in
the middle of which it is killed.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from qe_plugins.data.databento.manifest import Payment, locked, now
from tests.data.databento.conftest import until
from tests.fakes.databento_server.faults import Stall

DATABENTO = "qe_plugins.data.databento"
SOLD = ("timeseries.get_range", "batch.submit_job")


class Stage(NamedTuple):
    """Where `get` is killed, whether it orders jobs, and what stands in the receipts unbilled."""

    place: str
    when: str = "before"
    nth: int = 1
    batch: bool = False
    unbilled: int = 0

    @property
    def name(self) -> str:
        """Return the stage as a test's name."""
        how = "batch" if self.batch else "stream"
        return f"{how}-{self.when}-{self.place.rpartition('.')[2]}-{self.nth}"


QUICK = [
    Stage("download:Downloader._accept", "after"),  # between the download and its final name
]
LONG = [
    Stage("manifest:_replace_whole", "half", 3),  # while the manifest is written
    Stage("batch_jobs:_download_file", "after", batch=True),
    Stage("catalog_builder:write_stamp"),  # between the catalog and its stamp
    Stage("service:connect", "after"),  # before the first request
    Stage("download:_Attempts._stream", unbilled=1),  # before the first one that costs money
    Stage("download:_Attempts._stream", "after"),
    Stage("download:_Attempts._stream", "after", 2),
    Stage("download:_entry"),  # between the final name and the manifest
    Stage("manifest:_replace_whole", "half", 1),
    Stage("manifest:_replace_whole", "half", 2),
    Stage("manifest:_replace_whole", "after", 3),
    Stage("client:DatabentoClient.submit", batch=True, unbilled=1),
    Stage("client:DatabentoClient.submit", "after", batch=True),
    Stage("client:DatabentoClient.job_state", batch=True),  # while a job is waited for
    Stage("client:DatabentoClient.download", batch=True),
    Stage("manifest:_replace_whole", "half", 4, batch=True),
    Stage("catalog_builder:write_bars"),  # while the catalog is made
    Stage("catalog_builder:write_bars", "after"),
    Stage("catalog_builder:write_stamp", "after"),
    Stage("catalog_builder:swap"),
    Stage("catalog_stamp:shutil.rmtree"),  # between a new catalog and the end of the old one
]


@pytest.fixture
def config(request_file, gateway, monkeypatch) -> Path:
    """Return a request of two files at a vendor who takes any number of questions a second."""
    monkeypatch.setattr(gateway.limits, "exceeded", lambda endpoint: False)
    return request_file("[ESZ3]", "[ohlcv-1m, definition]")


@pytest.fixture
def all_is_well(qe, config, gateway, home):
    """Return a function that runs `get` again, and holds what it left against the bill."""

    def check(*, unbilled: int = 0, twice: int = 0) -> None:
        again = qe("data", "get", config, "--max-cost", "1")
        assert again.code == 0, again.err
        receipts = home.manifest["receipts"]
        until(lambda: len(billed(gateway)) == len(receipts) - unbilled)
        bill = sum(one.dollars for one in billed(gateway))
        opened = [one for one in receipts if one["outcome"] == "open"]
        assert len(opened) >= unbilled
        spare = sum(float(one["dollars"]) for one in opened[:unbilled])
        assert sum(float(one["dollars"]) for one in receipts) - spare == pytest.approx(bill)
        names = [one.what for one in billed(gateway)]
        assert len(names) - len(set(names)) == twice
        assert len(home.files) == len(home.manifest["files"]) == 2
        assert not home.leftovers
        assert not [one for one in home.folder.glob(".*") if one.name.startswith(".catalog")]
        assert qe("data", "verify").code == 0
        assert "Nothing is left to buy." in qe("data", "get", config, "--max-cost", "0").out

    return check


def billed(gateway) -> list:
    return [one for name in SOLD for one in gateway.ledger.of(name) if one.bytes]


def started(stage: Stage, config: Path) -> subprocess.Popen[str]:
    """Start `get` in a process that kills itself there."""
    command = [sys.executable, "-m", "tests.data.databento.killed", f"{DATABENTO}.{stage.place}"]
    command += [stage.when, str(stage.nth), "--", "data", "get", str(config), "--max-cost", "1"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def killed_at(stage: Stage, config: Path) -> None:
    """Run `get` in a process that kills itself there; it must get that far."""
    process = started(stage, config)
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said


@pytest.mark.parametrize(
    "stage",
    [
        *(pytest.param(one, id=one.name) for one in QUICK),
        *(pytest.param(one, id=one.name, marks=pytest.mark.long) for one in LONG),
    ],
)
def test_a_kill_costs_nothing_twice(stage: Stage, config, all_is_well) -> None:
    if stage.batch:
        config.write_text(f"{config.read_text()}  batch_threshold: 0\n")

    killed_at(stage, config)

    all_is_well(unbilled=stage.unbilled)


@pytest.mark.parametrize(
    ("endpoint", "twice"),
    [("timeseries.get_range", 1), pytest.param("batch.file", 0, marks=pytest.mark.long)],
)
@pytest.mark.long
def test_a_kill_in_the_middle_of_a_file_costs_that_one_at_most(
    endpoint: str, twice: int, config, gateway, all_is_well
) -> None:
    if endpoint == "batch.file":
        config.write_text(f"{config.read_text()}  batch_threshold: 0\n")
    stalled = gateway.fault(endpoint, stall=Stall(), after=1).stall
    process = started(Stage("service:connect", nth=9), config)  # one file after another, to the end
    assert stalled.reached.wait(60)
    process.kill()
    process.communicate()
    stalled.release()

    all_is_well(twice=twice)


@pytest.mark.long
@pytest.mark.parametrize(
    "stage", [Stage("catalog_stamp:os.replace", nth=n) for n in (1, 2)], ids=["before", "between"]
)
def test_a_kill_while_catalogs_change_places_is_mended(stage, qe, config, home, all_is_well):
    assert qe("data", "get", config, "--max-cost", "1").code == 0
    (home.folder / "catalog" / "made_of.json").write_text("{}")
    killed_at(stage, config)

    all_is_well()


def test_a_receipt_that_equals_another_is_settled_alone() -> None:
    payment = Payment(path="ES/x", dollars=Decimal("0.5"), at=now())
    with locked("GLBX.MDP3") as store:
        store.open_charge(payment)  # of a run that was killed within the same second
        store.open_charge(payment)
        store.close_charge(payment, "whole")
        assert [one.outcome for one in store.manifest.receipts] == ["open", "whole"]
        store.close_charge(payment, None)
        assert [one.outcome for one in store.manifest.receipts] == ["whole"]
