"""Books of factors: frozen, refused when changed, and their lockbox opened once."""

from datetime import UTC, date, datetime

import msgspec
import numpy as np
import pytest

from qe_plugins.errors import ConfigError, DataError
from qe_plugins.journal.store import Journal
from qe_plugins.research.factors import book, lockbox
from qe_plugins.research.factors.factor_test import FactorData, FactorResult, judge, score
from qe_plugins.research.factors.settings import Split
from qe_plugins.research.factors.split import divide
from tests.research.factors.made import FEATURES, history, settings

SPLIT = Split(lockbox=(date(2022, 1, 1), date(2022, 7, 1)))
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def found() -> tuple[FactorResult, FactorData, dict[str, np.ndarray]]:
    """Return a test with one planted factor, its decisions, and the features' values."""
    data, made = history(1, planted=0.08)
    data = msgspec.structs.replace(data, halves=divide(data.session, data.session, SPLIT))
    values = made["values"]
    result = judge(settings(split=SPLIT), data, score(data, [(FEATURES, values)]))
    return result, data, {name: values[:, k] for k, name in enumerate(FEATURES)}


def combined(found, accepted=None) -> book.FactorBook:
    result, data, values = found
    return book.combine(settings(split=SPLIT), "test-1", result, data, values, accepted or {})


def test_a_book_has_the_significant_factor_alone_with_its_sign(found):
    made = combined(found)
    assert [(one.name, one.sign) for one in made.factors] == [(FEATURES[0], 1)]
    assert made.multiplier == 1.0


def test_the_average_forecast_is_ten_and_none_exceeds_the_cap(found):
    made, (_, data, values) = combined(found), found
    rows = np.flatnonzero(data.halves.explore)[:5_000].tolist()
    forecasts = np.array([made.forecast(lambda n, r=r: float(values[n][r])) for r in rows])
    assert np.abs(forecasts).mean() == pytest.approx(10, rel=0.06)
    assert np.abs(forecasts).max() <= made.cap


def test_an_unknown_value_has_no_forecast(found):
    assert np.isnan(combined(found).forecast(lambda _: float("nan")))


def test_two_factors_that_agree_little_are_multiplied_up(found):
    made = combined(found, {FEATURES[3]: "a prior from the literature"})
    assert 1.2 < made.multiplier <= 1.42
    assert made.factors[1].accepted == "a prior from the literature"


def test_nothing_significant_makes_no_book():
    data, made = history(3)
    result = judge(settings(), data, score(data, [(FEATURES, made["values"])]))
    with pytest.raises(DataError, match="a book would be empty"):
        book.choose(result, {})
    with pytest.raises(DataError, match="was not tested"):
        book.choose(result, {"1m.nothing.5": "why not"})


def test_a_book_is_the_same_after_writing_and_a_changed_one_is_refused(found, tmp_path):
    made, file = combined(found), tmp_path / "book.yaml"
    book.write(made, file)
    assert book.load(file) == made
    file.write_text(file.read_text().replace("sign: 1", "sign: -1"))
    with pytest.raises(ConfigError, match="was changed"):
        book.load(file)


def test_a_book_is_not_written_over_another(found, tmp_path):
    file = tmp_path / "book.yaml"
    book.write(combined(found), file)
    with pytest.raises(DataError, match="another book"):
        book.write(combined(found, {FEATURES[3]: "prior"}), file)


def test_a_book_of_other_formulas_is_refused(found, tmp_path):
    made = msgspec.structs.replace(combined(found), formulas="0" * 16)
    with pytest.raises(ConfigError, match="other formulas"):
        book.check_current(made, tmp_path / "book.yaml")


def test_the_lockbox_opens_once_and_the_journal_keeps_it(found):
    made, (_, data, values) = combined(found), found
    result = lockbox.open_lockbox(made, data, values, NOW)
    assert result.t > 3
    assert result.sessions == pytest.approx(129, abs=2)
    with pytest.raises(DataError, match="opened once"):
        lockbox.open_lockbox(made, data, values, NOW)
    with Journal.open() as journal:
        assert journal.verify() == []


def test_a_second_book_of_the_same_days_is_told_that_the_lockbox_is_spent(found):
    _, data, values = found
    first, second = combined(found), combined(found, {FEATURES[3]: "prior"})
    lockbox.open_lockbox(first, data, values, NOW)
    assert lockbox.open_lockbox(second, data, values, NOW).spent == [first.hash]


def test_a_book_without_a_lockbox_has_none_to_open(found):
    _, data, values = found
    made = msgspec.structs.replace(combined(found), lockbox=[])
    with pytest.raises(DataError, match="has no lockbox"):
        lockbox.open_lockbox(made, data, values, NOW)
