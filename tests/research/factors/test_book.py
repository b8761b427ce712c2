"""Books of factors: frozen, refused when changed, and their lockbox opened once."""

from datetime import UTC, date, datetime

import msgspec
import numpy as np
import pytest

from qe_plugins.errors import ConfigError, DataError
from qe_plugins.journal.facts import FactKind
from qe_plugins.journal.store import Journal
from qe_plugins.research.factors import book, combination, lockbox, provenance, result_store
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
    given = settings(split=SPLIT), "test-1", result, data, values, accepted or {}
    return combination.combine(*given)


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
        combination.choose(result, {})
    with pytest.raises(DataError, match="was not tested"):
        combination.choose(result, {"1m.nothing.5": "why not"})


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


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("formulas", "other formulas"),
        ("catalogue", "another catalogue of features"),
        ("code", "other code"),
    ],
)
def test_a_book_of_other_features_or_code_is_refused(found, tmp_path, field, words):
    made = msgspec.structs.replace(combined(found), **{field: "0" * 16})
    with pytest.raises(ConfigError, match=f"made with {words}"):
        provenance.check_current(made, tmp_path / "book.yaml")


def test_a_book_whose_test_has_another_split_now_is_refused(found, tmp_path):
    test = tmp_path / "test.yaml"
    test.write_text("name: made\ndata: {synthetic: {root: ES}}\nsplit: {embargo: 2}\n")
    made = msgspec.structs.replace(combined(found), config=str(test))
    with pytest.raises(ConfigError, match="another split, label or decisions"):
        provenance.check_current(made, tmp_path / "book.yaml")


def test_a_book_is_not_made_of_other_data_than_was_tested(found):
    result, data, values = found
    tested = msgspec.structs.replace(result, data="0" * 16)
    with pytest.raises(DataError, match="not that of the test"):
        combination.combine(settings(split=SPLIT), "test-1", tested, data, values, {})


def test_a_book_and_why_a_person_accepted_its_factors_are_in_the_hash_chain(found):
    made = combined(found, {FEATURES[3]: "a prior from the literature"})
    result_store.register_book(made, NOW)
    result_store.register_book(made, NOW)
    with Journal.open() as journal:
        facts = list(journal.facts(f"book-{made.hash}", [FactKind.BOOK]))
        assert journal.verify() == []
    assert [fact.body["accepted"] for fact in facts] == [
        {FEATURES[3]: "a prior from the literature"}
    ]


def test_the_claim_is_the_edge_a_trade_of_the_confirm_half(found):
    claim = combined(found).claim
    # an IC of 0.08 moves a forecast of average size or more by about 0.1 deviations: 0.05 R
    assert claim.edge == pytest.approx(0.03, abs=0.02)
    assert claim.sd == pytest.approx(0.5, abs=0.05)
    assert claim.family_wise
    assert 0 < claim.deflated_sharpe < 1


def test_more_trials_in_the_journal_deflate_the_claim(found):
    result, data, values = found
    given = settings(split=SPLIT), "test-1", result, data, values, {}
    few, many = (combination.combine(*given, trials).claim for trials in (0, 1_000_000))
    assert many.deflated_sharpe < few.deflated_sharpe


def test_forecasts_of_many_rows_are_those_of_each(found):
    made, (_, _, values) = combined(found, {FEATURES[3]: "prior"}), found
    together = made.forecasts({name: column[:200] for name, column in values.items()})
    each = [made.forecast(lambda n, r=r: float(values[n][r])) for r in range(200)]
    assert together.tolist() == each


def test_a_micro_contract_has_the_share_of_its_root_and_others_none(found):
    made = combined(found)
    assert made.share("MES") == made.share("ES") == 1.0
    with pytest.raises(ConfigError, match="was tested on ES, not on GC"):
        made.share("GC")


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
