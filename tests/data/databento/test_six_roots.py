"""All six roots by their real definition fields, from the estimate to a run that trades each."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from nautilus_trader.persistence import ParquetDataCatalog

from tests.fakes.databento_server import tape

MONTHS = ("H14", "M14", "Z13")
WORTH = {"ES": 50, "MES": 5, "NQ": 20, "CL": 1_000, "GC": 100, "ZN": 1_000}


@pytest.mark.long
def test_every_root_is_bought_and_can_be_traded(qe, request_file, gateway, home, tmp_path: Path):
    days = tape.weekdays(dt.date(2013, 12, 2), dt.date(2013, 12, 6))
    numbered = enumerate(WORTH, start=1)
    listings = [one for n, root in numbered for one in tape.december(root, first_id=1_000 * n)]
    gateway.vendor.archive = tape.make_archive(listings, days, every=60)
    config = request_file("parent", "[ohlcv-1m, definition]")
    document = yaml.safe_load(config.read_text())
    document |= {"start": days[0], "end": dt.date(2013, 12, 6), "roots": dict.fromkeys(WORTH)}
    config.write_text(yaml.safe_dump(document))

    estimate = qe("data", "estimate", config, "--json").json
    bought = qe("data", "get", config, "--max-cost", "1", "--json").json

    assert {one["root"] for one in estimate["lines"]} == set(WORTH)
    assert bought["rows"] == sum(entry.rows for entry in gateway.ledger.streams())
    assert (bought["catalog"]["refused"], bought["catalog"]["contracts"]) == ([], 18)
    found = ParquetDataCatalog(str(home.folder / "catalog")).instruments()
    worth = {one.underlying: one.multiplier.as_decimal() for one in found}
    assert worth == {root: Decimal(value) for root, value in WORTH.items()}
    assert qe("data", "verify").code == 0
    for root in WORTH:
        config = _run(root, home.folder / "catalog", tmp_path)
        checked = qe("check", config)
        assert checked.code == 0, checked.err
        assert f"{root}: data for 4 of 4 sessions" in " ".join(checked.out.split())

        done = qe("backtest", config, "--json")

        assert done.code == 0, done.err
        run = done.json
        assert run["instruments"] == [
            f"{root}{month}.{tape.FIELDS[root].exchange}" for month in MONTHS
        ]
        assert run["bars"] == 3 * 4 * 22
        assert run["trades"] > 0
        assert run["fees"] > 0
        journaled = qe("journal", "trades", "--run", run["run_id"], "--json").json
        assert len(journaled) == run["trades"]
        assert all(f"{root}H14" in str(one) for one in journaled)
    assert qe("journal", "verify").code == 0


def _run(root: str, catalog: Path, folder: Path) -> Path:
    """Write a run on the root's March contract, of which a trend follower trades one."""
    exchange = tape.FIELDS[root].exchange
    config = {
        "name": root,
        "data": {"catalog": str(catalog), "roots": [root]},
        "strategies": {
            "ema_cross": {
                "instrument_id": f"{root}H14.{exchange}",
                "fast": 2,
                "slow": 3,
                "mode": "long_short",
                "contracts": 1,
            }
        },
        "contracts": {root: {"margin_init": 2_000, "margin_maint": 1_800, "fee": 1}},
        "nautilus": {"venue": {"name": exchange}},
    }
    file = folder / f"{root}.yaml"
    file.write_text(yaml.safe_dump(config))
    return file
