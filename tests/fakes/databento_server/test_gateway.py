"""The fake vendor behaves as the vendor's own client expects."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import databento
import pytest
from databento.common.error import BentoClientError, BentoError, BentoServerError, BentoWarning

from tests.fakes.databento_server import tape
from tests.fakes.databento_server.limits import Limits
from tests.fakes.databento_server.server import Gateway
from tests.fakes.databento_server.vendor import Vendor

FIRST, UNTIL = dt.date(2013, 12, 9), dt.date(2013, 12, 21)
RANGE = {
    "dataset": "GLBX.MDP3",
    "start": FIRST,
    "end": UNTIL,
    "schema": "ohlcv-1m",
}


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    archive = tape.make_archive(
        tape.december(), tape.weekdays(dt.date(2013, 12, 2), UNTIL), every=60
    )
    with Gateway(Vendor(archive), tmp_path) as running:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running.bundle))
        yield running


@pytest.fixture
def client(gateway: Gateway) -> databento.Historical:
    return databento.Historical(gateway.key, gateway=gateway.url)


def test_a_parent_brings_every_contract_and_its_spread(client, gateway):
    store = client.timeseries.get_range(symbols="ES.FUT", stype_in="parent", **RANGE)

    frame = store.to_df()
    assert set(frame["symbol"]) == {"ESZ3", "ESH4", "ESM4", "ESZ3-ESH4"}
    asked = {"symbols": "ES.FUT", "stype_in": "parent", **RANGE}
    assert client.metadata.get_record_count(**asked) == len(frame)
    assert client.metadata.get_billable_size(**asked) == len(frame) * 56
    assert client.metadata.get_cost(**asked) == gateway.ledger.streams()[0].dollars


def test_a_parent_asked_for_as_a_raw_name_is_not_understood(client):
    with pytest.raises(BentoClientError, match="None of the symbols could be resolved"):
        client.timeseries.get_range(symbols="ES.FUT", **RANGE)


def test_a_continuous_series_resolves_through_ids_to_raw_names(client):
    ids = client.symbology.resolve(
        "GLBX.MDP3", "ES.c.0", "continuous", "instrument_id", FIRST, UNTIL
    )["result"]["ES.c.0"]
    names = client.symbology.resolve(
        "GLBX.MDP3", [i["s"] for i in ids], "instrument_id", "raw_symbol", FIRST, UNTIL
    )["result"]

    assert [names[i["s"]][0]["s"] for i in ids] == ["ESZ3"]


@pytest.mark.parametrize(
    ("status", "error"), [(401, BentoClientError), (429, BentoClientError), (504, BentoServerError)]
)
def test_a_fault_meets_its_request_and_no_other(client, gateway, status, error):
    gateway.fault("metadata.get_cost", status=status, headers={"Retry-After": "1"})
    asked = {"symbols": "ESZ3", **RANGE}

    assert client.metadata.get_record_count(**asked) > 0
    with pytest.raises(error):
        client.metadata.get_cost(**asked)
    assert client.metadata.get_cost(**asked) > 0
    assert gateway.ledger.statuses() == {200: 2, status: 1}


def test_a_cut_stream_is_billed_and_noticed(client, gateway):
    gateway.fault("timeseries.get_range", cut=True)

    with pytest.raises(BentoError, match="Error streaming response"):
        client.timeseries.get_range(symbols="ESZ3", **RANGE)
    assert [entry.whole for entry in gateway.ledger.streams()] == [False]


def test_a_stream_over_a_degraded_day_says_so(client, gateway):
    gateway.vendor.conditions[dt.date(2013, 12, 12)] = "degraded"

    with pytest.warns(BentoWarning, match="2013-12-12 \\(degraded\\)"):
        client.timeseries.get_range(symbols="ESZ3", **RANGE)
    conditions = client.metadata.get_dataset_condition("GLBX.MDP3", FIRST, UNTIL)
    assert {c["date"]: c["condition"] for c in conditions}["2013-12-12"] == "degraded"


def test_a_batch_job_is_sold_once_and_downloaded_again_for_nothing(client, gateway, tmp_path):
    job = client.batch.submit_job(symbols="ESZ3", split_duration="none", **RANGE)
    name = client.batch.list_files(job["id"])[1]["filename"]

    for folder in ("first", "second"):
        client.batch.download(job["id"], tmp_path / folder, name)

    assert (
        sum(entry.bytes for entry in gateway.ledger.entries)
        == gateway.ledger.of("batch.submit_job")[0].bytes
    )


def test_more_than_twenty_metadata_requests_a_second_are_too_many():
    limits = Limits()

    asked = [limits.exceeded("metadata.get_cost") for _ in range(21)]

    assert asked == [False] * 20 + [True]
