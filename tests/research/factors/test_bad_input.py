"""Tests of factors that cannot be made: one line each, with the place."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from qe_plugins.config.schema import DataSettings, SyntheticSettings
from qe_plugins.data.tape import open_tape
from qe_plugins.errors import ConfigError, DataError, QeError
from qe_plugins.features.checks import record
from qe_plugins.features.checks.invariances import BrokenInvariance
from qe_plugins.features.source import bars_of, contracts_of
from qe_plugins.research.factors.factor_test import prepare
from qe_plugins.research.factors.settings import FactorSettings, Split, check_hypotheses, load
from qe_plugins.research.factors.split import check_months, divide

FILE = """
name: bad
data:
  synthetic: {root: ES, years: 2}
  start: 2020-01-01
  end: 2022-01-01
features: [1m.velocity.30]
"""


@pytest.fixture
def loaded(tmp_path: Path):
    """Return a function that loads the file with more lines."""

    def make(text: str, *overrides: str):
        file = tmp_path / "bad.yaml"
        file.write_text(FILE + text)
        return load(file, overrides)

    return make


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("split: {lockbox: [2021-06-01, 2023-01-01]}", "overlaps the days that are explored"),
        ("split: {lockbox: [2019-01-01, 2020-01-02]}", "overlaps the days that are explored"),
        ("split: {lockbox: [2019-01-01, 2018-01-01]}", "must end after it begins"),
        ("label: {horizon: 31d}", "at most 30 days"),
        ("label: {enter: close}", "must be one of next_bar"),
        ("costs: {slippage_ticks: -1}", "slippage_ticks"),
    ],
)
def test_it_is_refused_with_its_file_and_line(loaded, text, words):
    with pytest.raises(ConfigError, match=r"bad\.yaml:8") as error:
        loaded(text)
    assert words in str(error.value)


def test_a_lockbox_beside_the_days_that_are_explored_is_none_of_it(loaded):
    made = loaded("split: {lockbox: [2015-01-01, 2020-01-01]}")
    assert made.settings.split.lockbox == (date(2015, 1, 1), date(2020, 1, 1))


def test_a_day_on_one_root_is_refused_for_more_than_twenty_features(loaded):
    daily = loaded("label: {horizon: 1d}")
    with pytest.raises(ConfigError, match="21 features cannot be told apart over a day"):
        check_hypotheses(daily, 21, 1)
    check_hypotheses(daily, 20, 1)
    check_hypotheses(daily, 1_291, 5)
    check_hypotheses(loaded("label: {horizon: 4h}"), 1_291, 1)


def test_months_that_the_data_lacks_are_named():
    days = np.arange("2013-10-01", "2014-03-01", dtype="datetime64[D]")
    months = days.astype("datetime64[M]")
    known = days[~np.isin(months, np.array(["2013-11", "2014-01"], dtype="datetime64[M]"))]
    with pytest.raises(DataError, match="no sessions in 2013-11, 2014-01"):
        check_months(known, Split())


def test_data_of_one_month_has_no_other_half():
    december = SyntheticSettings(root="ES", sessions=8, contracts=1, start="2023-12-01")
    data = DataSettings(synthetic=december, roots=["ES"])
    tape = open_tape(data, lambda key: key)
    settings = FactorSettings(name="december", data=data)
    with pytest.raises(DataError, match="no decision is left in odd months"):
        prepare(settings, bars_of(tape), contracts_of(tape))


def test_a_label_that_is_not_purged_would_be_in_both_halves():
    days = np.arange("2021-01-01", "2021-03-01", dtype="datetime64[D]")
    crossing = days + np.timedelta64(3, "D")
    halves = divide(days, crossing, Split(embargo=0))
    kept = halves.explore | halves.confirm
    leaks = days.astype("datetime64[M]") != crossing.astype("datetime64[M]")
    assert leaks.sum() == halves.purged == 6
    assert not (kept & leaks).any()


def test_a_feature_that_failed_its_check_is_known_until_it_passes(monkeypatch, tmp_path):
    monkeypatch.setenv("QE_HOME", str(tmp_path))
    ahead = BrokenInvariance("1m.velocity.30", "look-ahead", 3, 0, 1.0, 2.0)
    record.note(["1m.velocity.30", "1m.drift.30"], [ahead])
    assert record.failed() == {"1m.velocity.30": "look-ahead"}
    record.note(["1m.drift.30"], [])
    assert record.failed() == {"1m.velocity.30": "look-ahead"}
    record.note(["1m.velocity.30"], [])
    assert record.failed() == {}


def test_a_record_of_checks_that_cannot_be_read_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("QE_HOME", str(tmp_path))
    record.file().parent.mkdir()
    record.file().write_text("{")
    with pytest.raises(QeError, match="cannot be read"):
        record.failed()
