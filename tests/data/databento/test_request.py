"""The download request file: its meaning, and each mistake at its line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from qe_plugins.data.databento.partition import plan
from qe_plugins.data.databento.request import load_request
from qe_plugins.data.symbology.resolver import Interval
from qe_plugins.errors import ConfigError, DataError

CORE = Path(__file__).parents[3] / "configs" / "data" / "cme_core.yaml"
GOOD = "start: 2015-01-01\nend: 2025-01-01\nschemas: [ohlcv-1m]\nroots:\n  ES:\n"


class Listings:
    """A resolver that knows when each raw name was listed, and what was in front."""

    def __init__(self, front: list[tuple[str, str, str]], **listed: list[tuple[str, str]]) -> None:
        self._front, self._listed = front, listed

    def resolve(self, symbols, stype_in, stype_out, start, end):
        if stype_in == "continuous":
            return {symbols[0]: [_interval(*one) for one in self._front]}
        if stype_in == "instrument_id":
            return {one: [Interval(start, end, one.removeprefix("id"))] for one in symbols}
        return {one: [_interval(a, b, f"id{one}") for a, b in self._listed[one]] for one in symbols}


def _interval(start: str, end: str, symbol: str) -> Interval:
    return Interval(dt.date.fromisoformat(start), dt.date.fromisoformat(end), symbol)


def load(tmp_path: Path, text: str):
    (tmp_path / "p.yaml").write_text(text)
    return load_request(tmp_path / "p.yaml")


def test_the_core_request_is_six_roots_over_ten_years():
    root_requests = {
        root_request.root: root_request for root_request in load_request(CORE).root_requests()
    }

    assert list(root_requests) == ["ES", "NQ", "MES", "CL", "GC", "ZN"]
    assert {root_request.end for root_request in root_requests.values()} == {dt.date(2025, 1, 1)}
    assert root_requests["MES"].start == dt.date(2019, 5, 6)
    assert root_requests["ES"].start == dt.date(2015, 1, 1)
    assert root_requests["CL"].symbols[0].text == "CL.v.0"
    assert {tuple(root_request.schemas) for root_request in root_requests.values()} == {
        ("ohlcv-1m", "definition", "statistics")
    }


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (GOOD.replace("schemas", "shemas"), 3, "Did you mean 'schemas'?"),
        (GOOD.replace("ohlcv-1m", "ohlcv-1min"), 3, "Did you mean 'ohlcv-1m'?"),
        (GOOD.replace("2015-01-01", "last year"), 1, "start"),
        (GOOD.replace("2025", "2014"), 5, "start must be before end"),
        (GOOD.replace("  ES:", "  es:"), 5, "'ES.v.0'"),
        (GOOD.replace("  ES:", "  ES: {symbols: ES}"), 5, "'ES.FUT' for every contract"),
        (GOOD.replace("  ES:", "  ES: {symbols: [NQ.FUT]}"), 5, "is no symbol of ES"),
        (GOOD.replace("  ES:", "  ES: {symbols: '1234'}"), 5, "means something else every day"),
        (GOOD.replace("  ES:", "  ES: {symbols: ESU23}"), 5, "Ask for 'ESU3'"),
        (GOOD.replace("  ES:\n", "  {}\n"), 4, "names no root"),
        (GOOD.replace("end: 2025-01-01\n", ""), 1, "missing required field 'end'"),
    ],
)
def test_a_mistake_is_said_at_its_line(tmp_path, text, line, says):
    with pytest.raises(ConfigError, match=r"p\.yaml") as caught:
        load(tmp_path, text)

    assert f"p.yaml:{line}:" in str(caught.value)
    assert says in str(caught.value)


def test_a_name_that_comes_back_after_ten_years_is_two_contracts(tmp_path):
    request_file = load(tmp_path, GOOD.replace("  ES:", "  ES: {symbols: [ESH5]}"))
    spans = [("2015-01-01", "2015-03-21"), ("2023-12-15", "2025-01-01")]

    parts = plan(request_file, Listings([], ESH5=spans)).parts

    assert [(one.name, one.symbol, one.start.year) for one in parts] == [
        ("ESH15", "ESH5", 2015),
        ("ESH25", "ESH5", 2023),
        ("ESH25", "ESH5", 2024),
    ]


def test_a_front_contract_is_bought_with_five_sessions_around_where_it_is_listed(tmp_path):
    front = [("2015-01-01", "2015-03-13", "idESH5"), ("2015-03-13", "2015-06-12", "idESM5")]
    resolver = Listings(
        front,
        ESH5=[("2014-01-01", "2015-03-18")],
        ESM5=[("2014-01-01", "2015-06-20")],
    )
    text = GOOD.replace("2025-01-01", "2015-06-12")

    parts = plan(load(tmp_path, text), resolver).parts

    assert [(one.name, str(one.start), str(one.end)) for one in parts] == [
        ("ESH15", "2015-01-01", "2015-03-18"),
        ("ESM15", "2015-03-06", "2015-06-12"),
    ]


def test_a_symbol_that_stands_for_nothing_is_an_error(tmp_path):
    with pytest.raises(DataError, match="stands for no contract"):
        plan(load(tmp_path, GOOD), Listings([]))
