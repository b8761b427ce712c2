"""A download: its cost, its files, and that nothing is bought twice."""

from __future__ import annotations

import datetime as dt
import signal

import pytest

from tests.data.databento.conftest import start_qe, until
from tests.fakes.databento_server import tape
from tests.fakes.databento_server.faults import Stall

WAYS = ["parent", "front", "[ES.c.0]", "[ESZ3, ESH4]"]


@pytest.mark.parametrize("symbols", WAYS)
def test_get_brings_what_estimate_said(qe, request_file, gateway, home, symbols):
    config = request_file(symbols, "[ohlcv-1m, definition]")

    estimate = qe("data", "estimate", config, "--json").json
    assert not gateway.ledger.streams()
    assert not home.files
    bought = qe("data", "get", config, "--max-cost", "1", "--json").json

    sold = gateway.ledger.streams()
    total = estimate["total"]
    assert (total["files"], total["rows"]) == (len(sold), sum(entry.rows for entry in sold))
    assert bought["rows"] == sum(one["rows"] for one in home.manifest["files"].values())
    assert bought["dollars"] == pytest.approx(sum(entry.dollars for entry in sold))
    assert set(home.files) == set(home.manifest["files"])
    assert not home.leftovers


def test_a_continuous_series_is_bought_contract_by_contract(qe, request_file, home):
    qe("data", "get", request_file("front"), "--max-cost", "1")

    assert list(home.files) == [
        "ES/contracts/ESH14.ohlcv-1m.2013-12-09.2014-01-01.dbn.zst",
        "ES/contracts/ESZ13.ohlcv-1m.2013-10-01.2013-12-21.dbn.zst",
    ]


def test_the_request_always_carries_the_right_symbol_type(qe, request_file, gateway):
    for symbols in ("parent", "[ESZ3]"):
        qe("data", "get", request_file(symbols), "--max-cost", "1")

    asked = [(e.fields["symbols"], e.fields["stype_in"]) for e in gateway.ledger.streams()]
    assert asked == [("ES.FUT", "parent"), ("ESZ3", "raw_symbol")]


def test_a_second_run_buys_nothing(qe, request_file, gateway):
    config = request_file()
    qe("data", "get", config, "--max-cost", "1")

    again = qe("data", "get", config, "--max-cost", "0")

    assert again.code == 0
    assert "Nothing is left to buy." in again.out
    assert set(gateway.ledger.times_sold().values()) == {1}


def test_a_longer_request_buys_only_the_new_days(qe, request_file, gateway, home):
    config = request_file("[ESZ3]")
    longer = config.read_text()
    config.write_text(longer.replace("2014-01-01", "2013-11-01"))
    qe("data", "get", config, "--max-cost", "1")
    config.write_text(longer)
    qe("data", "get", config, "--max-cost", "1")

    assert [(e.fields["start"], e.fields["end"]) for e in gateway.ledger.streams()] == [
        ("2013-10-01", "2013-11-01"),
        ("2013-11-01", "2013-12-21"),
    ]


@pytest.mark.parametrize(
    ("symbols", "count"),
    [
        ("front", 6),
        pytest.param("parent", 3, marks=pytest.mark.long),
        pytest.param("[ESZ3, ESH4]", 6, marks=pytest.mark.long),
    ],
)
@pytest.mark.long
def test_a_killed_run_goes_on_and_pays_for_no_finished_file_again(
    qe, request_file, gateway, home, tmp_path, monkeypatch, symbols, count
):
    config = request_file(symbols, "[ohlcv-1m, definition, statistics]")
    stalled = gateway.fault("timeseries.get_range", stall=Stall(), after=1).stall
    process = start_qe("data", "get", config, "--max-cost", "1")
    until(lambda: len(home.manifest["files"]) == count - 1)
    process.kill()
    process.communicate()
    stalled.release()

    assert qe("data", "get", config, "--max-cost", "1").code == 0
    after_kill, sold = home.files, gateway.ledger.times_sold()
    monkeypatch.setenv("QE_HOME", str(tmp_path / "other"))
    home.folder = tmp_path / "other" / "data" / "GLBX.MDP3"
    assert qe("data", "get", config, "--max-cost", "1").code == 0

    assert after_kill == home.files
    assert len(after_kill) == count
    assert sorted(sold.values()) == [1] * (count - 1) + [2]


def test_an_interrupted_run_finishes_what_is_on_its_way_and_begins_nothing(
    request_file, gateway, home
):
    config = request_file("[ESZ3, ESH4, ESM4]", "[ohlcv-1m, definition, statistics]")
    stalled = gateway.fault("timeseries.get_range", stall=Stall(8), times=8).stall
    process = start_qe("data", "get", config, "--max-cost", "1")
    assert stalled.reached.wait(60)
    process.send_signal(signal.SIGINT)
    stalled.release()
    process.communicate()

    assert process.returncode == 130
    assert len(home.files) == 8
    assert len(home.manifest["files"]) == 8
    assert not home.leftovers


def test_without_a_limit_and_a_terminal_nothing_is_bought(qe, request_file, gateway, home):
    refused = qe("data", "get", request_file())

    assert refused.code == 2
    assert "no limit was given" in refused.err
    assert not gateway.ledger.streams()


def test_at_a_terminal_it_asks(qe, request_file, gateway, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr("qe_plugins.cli.data.download._is_terminal", lambda: True)
    monkeypatch.setattr("click.confirm", lambda text, **_: asked.append(text) or False)

    assert qe("data", "get", request_file()).code == 2
    assert asked[0].startswith("Buy 2 files for $0.")
    assert not gateway.ledger.streams()


def test_above_the_limit_nothing_is_bought(qe, request_file, gateway):
    refused = qe("data", "get", request_file(), "--max-cost", "0.0001")

    assert refused.code == 2
    assert "above --max-cost" in refused.err
    assert not gateway.ledger.streams()


@pytest.mark.long
def test_two_runs_at_once_do_not_buy_the_same(qe, request_file, gateway):
    config = request_file()
    stalled = gateway.fault("timeseries.get_range", stall=Stall()).stall
    process = start_qe("data", "get", config, "--max-cost", "1")
    stalled.reached.wait(60)

    second = qe("data", "get", config, "--max-cost", "1")
    stalled.release()
    process.communicate()

    assert second.code == 2
    assert "another run" in second.err
    assert process.returncode == 0
    assert set(gateway.ledger.times_sold().values()) == {1}


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (
            lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size * 99 // 100]),
            "cut",
        ),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"), "was changed"),
        (lambda path: path.unlink(), "is gone"),
    ],
)
def test_a_bought_file_that_is_not_what_it_was_is_refused(
    qe, request_file, gateway, home, damage, says
):
    config = request_file()
    qe("data", "get", config, "--max-cost", "1")
    damage(home.folder / next(iter(home.files)))

    refused = qe("data", "get", config, "--max-cost", "1")

    assert refused.code == 2
    assert says in refused.err
    assert set(gateway.ledger.times_sold().values()) == {1}


def test_an_estimate_is_by_root_schema_and_year(qe, request_file, gateway):
    days = tape.weekdays(dt.date(2013, 12, 20), dt.date(2014, 1, 10))
    listings = [*tape.december("ES"), *tape.december("NQ", first_id=2000)]
    gateway.vendor.archive = tape.make_archive(listings, days, every=240)
    config = request_file("parent", "[ohlcv-1m, definition]")
    text = (
        config.read_text().replace("2013-10-01", "2013-12-20").replace("2014-01-01", "2014-01-10")
    )
    config.write_text(text.replace("  ES:\n", "  ES:\n  NQ: {start: 2014-01-02}\n"))

    lines = qe("data", "estimate", config, "--json").json["lines"]

    assert [(one["root"], one["schema"], one["year"]) for one in lines] == [
        ("ES", "definition", 2013),
        ("ES", "definition", 2014),
        ("ES", "ohlcv-1m", 2013),
        ("ES", "ohlcv-1m", 2014),
        ("NQ", "definition", 2014),
        ("NQ", "ohlcv-1m", 2014),
    ]
    assert all(one["bytes"] == one["rows"] * 56 for one in lines if one["schema"] == "ohlcv-1m")
    assert all(one["rows"] > 0 and one["dollars"] > 0 for one in lines)


@pytest.mark.parametrize("suffix", ["", ".part"])
def test_a_whole_file_that_a_killed_run_did_not_write_down_is_not_bought_again(
    qe, request_file, gateway, home, suffix
):
    config = request_file("[ESZ3]")
    qe("data", "get", config, "--max-cost", "1")
    (path,) = home.files
    (home.folder / path).rename(home.folder / f"{path}{suffix}")
    (home.folder / "manifest.json").unlink()

    again = qe("data", "get", config, "--max-cost", "1", "--json").json

    assert again["dollars"] == 0
    assert set(home.manifest["files"]) == set(home.files) == {path}
    assert set(gateway.ledger.times_sold().values()) == {1}


def test_a_part_that_is_not_whole_is_bought_anew(qe, request_file, gateway, home):
    config = request_file("[ESZ3]")
    qe("data", "get", config, "--max-cost", "1")
    (path,) = home.files
    whole = home.files[path]
    (home.folder / path).unlink()
    (home.folder / f"{path}.part").write_bytes(whole[: len(whole) * 99 // 100])
    (home.folder / "manifest.json").unlink()

    assert qe("data", "get", config, "--max-cost", "1").code == 0
    assert home.files == {path: whole}
    assert not home.leftovers
