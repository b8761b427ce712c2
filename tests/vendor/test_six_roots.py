"""All six roots by their real definition fields, from the estimate to what a run would trade."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import yaml
from nautilus_trader.persistence import ParquetDataCatalog

from tests.gateway import tape

WORTH = {"ES": 50, "MES": 5, "NQ": 20, "CL": 1_000, "GC": 100, "ZN": 1_000}


def test_every_root_is_bought_and_can_be_traded(qe, purchase, gateway, home, tmp_path: Path):
    days = tape.weekdays(dt.date(2013, 12, 2), dt.date(2013, 12, 6))
    numbered = enumerate(WORTH, start=1)
    listings = [one for n, root in numbered for one in tape.december(root, first_id=1_000 * n)]
    gateway.vendor.shelf = tape.shelf(listings, days, every=240)
    config = purchase("parent", "[ohlcv-1m, definition]")
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
        venue = {"name": tape.FIELDS[root].exchange}
        run = tmp_path / f"{root}.yaml"
        data = {"catalog": str(home.folder / "catalog"), "roots": [root]}
        contracts = {root: {"margin_init": 2_000, "margin_maint": 1_800, "fee": 1}}
        run.write_text(
            yaml.safe_dump(
                {
                    "name": root,
                    "data": data,
                    "strategies": {},
                    "contracts": contracts,
                    "nautilus": {"venue": venue},
                }
            )
        )
        checked = qe("check", run)
        assert checked.code == 0, checked.err
        assert f"{root}: data for 4 of 4 sessions" in " ".join(checked.out.split())
