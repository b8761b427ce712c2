"""A symbol's text tells its type; a mistaken one is answered with the right form."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.data.symbology.symbols import (
    SType,
    feed_symbol,
    instrument_id,
    is_outright,
    parse_instrument_id,
    parse_symbol,
)
from qe_plugins.errors import DataError
from qe_plugins.market.contract_key import ContractKey

ROOTS = st.sampled_from(["ES", "NQ", "MES", "CL", "GC", "ZN", "6E"])
KEYS = st.builds(ContractKey, ROOTS, st.integers(2010, 2035), st.integers(1, 12))


@pytest.mark.parametrize(
    ("text", "stype"),
    [
        ("ESZ3", SType.RAW),
        ("ESZ23", SType.RAW),
        ("MESM4", SType.RAW),
        ("6EU4", SType.RAW),
        ("ESM4 C4250", SType.RAW),
        ("ES.FUT", SType.PARENT),
        ("ES.OPT", SType.PARENT),
        ("ES.c.0", SType.CONTINUOUS),
        ("ES.v.0", SType.CONTINUOUS),
        ("CL.n.11", SType.CONTINUOUS),
        ("118", SType.ID),
    ],
)
def test_the_text_tells_the_type_to_request(text, stype):
    assert parse_symbol(text).stype_in is stype


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("ES", "ES.FUT"),
        ("es", "ES.FUT"),
        ("ES=F", "ES.v.0"),
        ("cl=f", "CL.v.0"),
        ("/ES", "ES.FUT"),
        ("@ES", "ES.FUT"),
        ("ES #F", "ES.FUT"),
        ("ES1!", "ES.c.0"),
        ("CME_MINI:ES2!", "ES.c.1"),
        ("/ESZ24", "ESZ4"),
        ("@ESZ24", "ESZ4"),
        ("ESZ2024", "ESZ4"),
        ("ESZ24.CME", "ESZ4"),
        ("ESZ24.XCME", "ESZ4"),
        ("ES Z4", "ESZ4"),
        ("esz4", "ESZ4"),
        ("ES.V.0", "ES.v.0"),
        ("es.c.0", "ES.c.0"),
        ("ES.v", "ES.v.0"),
        ("ES.fut", "ES.FUT"),
        ("es.option", "ES.OPT"),
        ("ESZ3-ESH4", "'ESZ3' or 'ESH4'"),
        ("ESA4", "no delivery month"),
        ("", "ES.FUT"),
        ("ALL_SYMBOLS", "ES.FUT"),
        ("hello world", "ES.FUT"),
    ],
)
def test_a_mistaken_symbol_is_answered_with_the_right_form(text, right):
    with pytest.raises(DataError) as refused:
        parse_symbol(text)
    assert right in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_two_digit_year_is_refused_on_the_feed_and_taken_for_our_own_names():
    assert parse_symbol("ESU23").key(date(2024, 1, 1)) == ContractKey("ES", 2023, 9)
    with pytest.raises(DataError, match=r"Ask for 'ESU3'"):
        feed_symbol("ESU23")


@given(st.text(max_size=12))
def test_any_text_is_a_symbol_or_one_clear_refusal(text):
    try:
        symbol = parse_symbol(text)
    except DataError as refused:
        assert refused.hint  # noqa: PT017 - any text at all may or may not raise
    else:
        assert symbol.text == text.strip()


@given(KEYS)
def test_raw_names_are_taken_as_raw_and_as_outrights(key):
    for name in (key.raw, key.name):
        assert parse_symbol(name).stype_in is SType.RAW
        assert is_outright(name)


@given(KEYS, st.sampled_from(["XCME", "XNYM", "XCEC", "XCBT"]))
def test_instrument_ids_round_trip(key, venue):
    assert parse_instrument_id(instrument_id(key, venue)) == (key, venue)


@pytest.mark.parametrize("text", ["ESH5.XCME", "ES.v.0.XCME", "ESH15", "ESH15.GLBX"])
def test_an_id_without_two_year_digits_and_the_exchange_is_refused(text):
    with pytest.raises(DataError, match=r"ESH15\.XCME"):
        parse_instrument_id(text)


@pytest.mark.parametrize("raw", ["ESZ3-ESH4", "ESM4 C4250", "ES:BF H4-M4-U4", "UD:1V: VT 12"])
def test_spreads_and_options_are_no_outrights(raw):
    assert not is_outright(raw)
