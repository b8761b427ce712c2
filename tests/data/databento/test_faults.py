"""Each failure of the vendor leads to the right result or to one clear error."""

from __future__ import annotations

import datetime as dt

import pytest

STREAM = "timeseries.get_range"


@pytest.mark.parametrize("status", [408, 429, 500, 504])
@pytest.mark.parametrize("endpoint", ["metadata.get_record_count", "symbology.resolve", STREAM])
def test_what_may_pass_is_tried_again(qe, request_file, gateway, sleeps, home, endpoint, status):
    gateway.fault(endpoint, status=status, headers={"Retry-After": "7"})

    assert qe("data", "get", request_file("[ESZ3]"), "--max-cost", "1").code == 0
    assert sleeps == [7.0]
    assert set(gateway.ledger.times_sold().values()) == {1}
    assert [one["outcome"] for one in home.manifest["receipts"]] == ["whole"]


def test_what_does_not_pass_ends_in_one_line(qe, request_file, gateway, sleeps, home):
    gateway.fault(STREAM, status=500, times=100)

    failed = qe("data", "get", request_file("[ESZ3]"), "--max-cost", "1")

    assert failed.code == 2
    assert "Databento answered 500" in failed.err
    assert len(sleeps) == 5
    assert not home.files
    assert not home.leftovers
    assert home.manifest["receipts"] == []


@pytest.mark.parametrize("status", [402, 403, 404, 422])
def test_what_the_vendor_refuses_is_not_asked_again(
    qe, request_file, gateway, sleeps, home, status
):
    gateway.fault(STREAM, status=status)

    failed = qe("data", "get", request_file("[ESZ3]"), "--max-cost", "1")

    assert failed.code == 2
    assert f"Databento answered {status}: injected." in failed.err
    assert not sleeps
    assert len(gateway.ledger.of(STREAM)) == 1
    assert not home.files


def test_a_wrong_key_is_refused_at_the_first_question(qe, request_file, gateway, monkeypatch):
    monkeypatch.setenv("DATABENTO_API_KEY", "db-wrong")

    failed = qe("data", "estimate", request_file())

    assert failed.code == 2
    assert "Databento answered 401" in failed.err
    assert "https://databento.com/portal/keys" in failed.err
    assert gateway.ledger.statuses() == {401: 1}


def test_a_root_that_the_vendor_does_not_know_is_said(qe, request_file):
    config = request_file("parent")
    config.write_text(config.read_text().replace("  ES:", "  QQ:"))

    failed = qe("data", "estimate", config)

    assert failed.code == 2
    assert "None of the symbols could be resolved" in failed.err


def test_a_cut_stream_is_bought_again_and_counted(qe, request_file, gateway, sleeps, home):
    gateway.fault(STREAM, cut=True, times=2)

    bought = qe("data", "get", request_file("[ESZ3]"), "--max-cost", "1", "--json").json

    assert len(gateway.ledger.streams()) == 3
    assert bought["dollars"] == pytest.approx(sum(e.dollars for e in gateway.ledger.streams()))
    assert len(bought["retries"]) == 2
    assert [one["outcome"] for one in home.manifest["receipts"]] == ["cut", "cut", "whole"]


def test_a_stream_that_ends_early_without_a_word_is_noticed(
    qe, request_file, gateway, sleeps, home
):
    gateway.fault(STREAM, trim=True)

    assert qe("data", "get", request_file("[ESZ3]"), "--max-cost", "1").code == 0
    assert [entry.whole for entry in gateway.ledger.streams()] == [False, True]
    assert qe("data", "verify").code == 0


def test_a_retry_never_spends_more_than_the_limit(qe, request_file, gateway, sleeps, home):
    config = request_file("[ESZ3, ESH4]")
    quote = qe("data", "estimate", config, "--json").json["total"]["dollars"]
    gateway.fault(STREAM, cut=True, times=100)
    limit = f"{quote * 1.9:.10f}"

    failed = qe("data", "get", config, "--max-cost", limit)

    assert failed.code == 2
    assert "billed again" in failed.err
    assert sum(e.dollars for e in gateway.ledger.streams()) <= float(limit)
    assert not home.files
    assert not home.leftovers


def test_a_file_with_a_row_missing_gets_no_name(qe, request_file, gateway, sleeps, home):
    gateway.fault(STREAM, short=True)

    failed = qe("data", "get", request_file("[ESZ3]"), "--max-cost", "1")

    assert failed.code == 2
    assert "rows, and Databento counts" in failed.err
    assert not home.files
    assert not home.leftovers


def test_files_before_a_failure_are_kept(qe, request_file, gateway, sleeps, home):
    config = request_file("[ESZ3, ESH4]")
    gateway.fault(STREAM, status=403, after=1)

    assert qe("data", "get", config, "--max-cost", "1").code == 2
    assert len(home.files) == 1
    assert qe("data", "get", config, "--max-cost", "1").code == 0
    assert set(gateway.ledger.times_sold().values()) == {1}


def test_days_without_a_contract_are_said_and_the_rest_is_bought(qe, request_file, gateway, home):
    gateway.vendor.unresolved = {dt.date(2013, 11, 5), dt.date(2013, 11, 6)}

    bought = qe("data", "get", request_file(), "--max-cost", "1", "--json").json

    assert bought["unresolved"] == [
        "ES.v.0 stands for no contract from 2013-11-05 until 2013-11-07"
    ]
    assert len(home.files) == 2


def test_days_of_reduced_quality_are_shown_and_written_down(qe, request_file, gateway, home):
    days = {"2013-10-15": "degraded", "2013-12-30": "missing", "2013-12-31": "pending"}
    gateway.vendor.conditions = {dt.date.fromisoformat(d): c for d, c in days.items()}

    shown = qe("data", "get", request_file("[ESZ3, ESH4]"), "--max-cost", "1").out

    assert "degraded (1 day): 2013-10-15" in shown
    per_file = {path: one.get("conditions", {}) for path, one in home.manifest["files"].items()}
    assert [per_file[path] for path in sorted(per_file)] == [days, {"2013-10-15": "degraded"}]


def test_a_vendor_that_cannot_be_reached_is_said(qe, request_file, gateway, sleeps):
    config = request_file()
    config.write_text(config.read_text().replace(gateway.url, "https://127.0.0.1:9"))

    failed = qe("data", "estimate", config)

    assert failed.code == 2
    assert "cannot be reached" in failed.err
    assert len(sleeps) == 5


def test_without_a_key_it_says_where_to_get_one(qe, request_file, gateway, monkeypatch):
    monkeypatch.delenv("DATABENTO_API_KEY")

    failed = qe("data", "estimate", request_file())

    assert failed.code == 2
    assert "https://databento.com/portal/keys" in failed.err
    assert gateway.ledger.entries == []


def test_the_key_may_stand_in_a_file(qe, request_file, gateway, monkeypatch, tmp_path):
    monkeypatch.delenv("DATABENTO_API_KEY")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"DATABENTO_API_KEY={gateway.key}\n")

    assert qe("data", "estimate", request_file("parent")).code == 0


def test_the_key_is_written_nowhere(qe, request_file, gateway, sleeps, home, tmp_path, caplog):
    caplog.set_level("DEBUG")
    gateway.fault(STREAM, status=403, body=f'{{"detail": "no, {gateway.key}"}}'.encode())
    gateway.fault(STREAM, cut=True, after=1)
    config = request_file("[ESZ3, ESH4]", "[ohlcv-1m, definition]")

    runs = [qe("data", "get", config, "--max-cost", "1") for _ in range(2)]

    assert [run.code for run in runs] == [2, 0]
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(gateway.key.encode() in content for content in written)
    assert not any(gateway.key in text for run in runs for text in (run.out, run.err))
    assert gateway.key not in caplog.text
