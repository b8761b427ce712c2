"""`configs/markets.yaml` is complete and dated."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from qe_plugins.errors import ConfigError, DataError
from qe_plugins.market.specs import fees, margins, market, markets

MARKETS = Path(__file__).parents[2] / "configs" / "markets.yaml"
SIX = ("ES", "MES", "NQ", "CL", "GC", "ZN")


def test_the_six_core_roots_are_there():
    assert set(SIX) <= set(markets().roots)


@pytest.mark.parametrize("root", SIX)
def test_every_fee_and_margin_has_a_source_and_a_date(root):
    terms = market(root)
    assert all(entry.source and entry.since for entry in [*terms.fees, *terms.margins])
    assert all(margin.maintenance <= margin.initial for margin in terms.margins)
    assert terms.sessions in markets().sessions


@pytest.mark.parametrize(
    ("root", "tick_value"),
    [("ES", "12.5"), ("MES", "1.25"), ("NQ", "5"), ("CL", "10"), ("GC", "10"), ("ZN", "15.625")],
)
def test_a_tick_value_is_the_exchanges(root, tick_value):
    terms = market(root)
    assert terms.tick * terms.multiplier == Decimal(tick_value)


def test_terms_agree_with_the_contract_facts(shared_data):
    lines = (shared_data / "contracts.csv").read_text().splitlines()
    for line in lines[1:]:
        root, _name, exchange, multiplier, tick = line.split(",")[:5]
        if root in markets().roots:
            terms = market(root)
            assert (terms.exchange, terms.multiplier, terms.tick) == (
                exchange,
                Decimal(multiplier),
                Decimal(tick),
            )


def test_fees_are_those_of_the_day():
    early, late = fees("ES", date(2013, 12, 13)), fees("ES", date(2026, 11, 24))
    assert (early.total, late.total) == (Decimal("2.15"), Decimal("2.25"))


def test_a_day_before_the_first_margin_takes_the_first_and_says_so():
    early = margins("MES", date(2019, 6, 3))
    assert early.since == date(2022, 1, 21)
    assert early.initial == Decimal(1188)


def test_a_day_trade_margin_is_absent_where_it_is_not_known():
    assert margins("ES", date(2021, 6, 1)).day_trade == Decimal(3025)
    assert margins("GC", date(2022, 6, 1)).day_trade is None


def test_an_unknown_root_is_one_clear_error():
    with pytest.raises(DataError, match=r"'MEES': no root of .*Did you mean"):
        market("MEES")


def test_a_misspelt_key_is_named_with_its_line(tmp_path, monkeypatch):
    text = MARKETS.read_text().replace("    tick: 0.10", "    tik: 0.10")
    (tmp_path / "configs").mkdir()
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "__init__.py").touch()
    (tmp_path / "configs" / "markets.yaml").write_text(
        text.replace("    tick: 0.10", "    tik: 0.10")
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"configs/markets.yaml:\d+: unknown field 'tik'"):
        market("GC")
