"""The commands of the documents on bars with a planted edge: found, frozen, traded, compared."""

import json

import pytest

from tests.command import figures, qe

BACKTEST = "configs/backtest/es_factors.yaml"


@pytest.mark.long
def test_a_planted_edge_is_found_frozen_and_traded_as_its_arithmetic_says():
    done = qe("factors", "test", "configs/research/planted_factors.yaml", "--json")
    assert done.returncode == 0, done.stderr
    found = [one for one in json.loads(done.stdout)["result"]["factors"] if one["cluster"]]
    assert found[0]["state"] == "family-wise"
    assert found[0]["cluster"] == "1m.drift.240"
    done = qe("factors", "combine", "last", "--json")
    assert done.returncode == 0, done.stderr
    net = figures(BACKTEST)["figures"]["net_pnl"]
    done = qe("factors", "backtest", BACKTEST, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    compared = json.loads(done.stdout)
    assert compared["roots"][0]["differences"] == []
    assert compared["net_pnl"] == pytest.approx(float(net), abs=0.01)
