"""Which dated contracts stand behind a symbol, by interval."""

from __future__ import annotations

from datetime import date

import pytest

from qe_plugins.data.symbology.resolver import Interval, SymbolSpan, contract_spans
from qe_plugins.data.symbology.symbols import SType, parse_symbol
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import ContractKey

FIRST, MIDDLE, LAST = date(2013, 12, 1), date(2013, 12, 16), date(2013, 12, 31)
Z13, H14 = ContractKey("ES", 2013, 12), ContractKey("ES", 2014, 3)


class Vendor:
    """Answers from a table of (symbol, stype_in) and remembers what it was asked."""

    def __init__(self, table):
        self.table, self.asked = table, []

    def resolve(self, symbols, stype_in, stype_out, start, end):
        self.asked.append((tuple(symbols), stype_in, stype_out))
        return {s: self.table[s, stype_in] for s in symbols if (s, stype_in) in self.table}


def vendor(**names):
    """Return a vendor of `id_1="ESZ3"` names and the symbols that point at these ids."""
    ids = {
        (number.removeprefix("id_"), SType.ID): [Interval(FIRST, LAST, name)]
        for number, name in names.items()
    }
    return Vendor(
        ids
        | {
            ("ES.v.0", SType.CONTINUOUS): [
                Interval(FIRST, MIDDLE, "1"),
                Interval(MIDDLE, LAST, "2"),
            ],
            ("ES.FUT", SType.PARENT): [Interval(FIRST, LAST, str(n)) for n in range(1, 5)],
            ("ESZ3", SType.RAW): [Interval(FIRST, MIDDLE, "1"), Interval(MIDDLE, LAST, "7")],
        }
    )


def test_a_continuous_series_is_resolved_through_ids_to_names():
    client = vendor(id_1="ESZ3", id_2="ESH4")
    spans = contract_spans(client, parse_symbol("ES.v.0"), FIRST, LAST)
    assert spans == [SymbolSpan(FIRST, MIDDLE, Z13), SymbolSpan(MIDDLE, LAST, H14)]
    assert [(asked[1], asked[2]) for asked in client.asked] == [
        (SType.CONTINUOUS, SType.ID),
        (SType.ID, SType.RAW),
    ]


def test_spreads_and_options_of_a_parent_are_left_out():
    client = vendor(id_1="ESZ3", id_2="ESZ3-ESH4", id_3="ESH4 C1800", id_4="ESH4")
    spans = contract_spans(client, parse_symbol("ES.FUT"), FIRST, LAST)
    assert [span.key for span in spans] == [Z13, H14]


def test_a_raw_name_keeps_its_key_when_its_id_changes():
    spans = contract_spans(vendor(), parse_symbol("ESZ3"), FIRST, LAST)
    assert spans == [SymbolSpan(FIRST, LAST, Z13)]


def test_an_id_is_resolved_to_its_name():
    spans = contract_spans(vendor(id_1="ESZ3"), parse_symbol("1"), FIRST, LAST)
    assert spans == [SymbolSpan(FIRST, LAST, Z13)]


def test_a_symbol_that_stands_for_nothing_is_one_clear_error():
    with pytest.raises(DataError, match=r"'XX\.FUT': stands for no contract from 2013-12-01"):
        contract_spans(vendor(), parse_symbol("XX.FUT"), FIRST, LAST)
