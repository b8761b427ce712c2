"""Families that a project's plugin registers, tested as factors and traded in a book."""

from __future__ import annotations

import importlib.util
import json
import shutil
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest

from qe_plugins import Bars, Family
from qe_plugins.cli.features.bars import named
from qe_plugins.config.schema import DataSettings, SyntheticSettings
from qe_plugins.data.tape import open_tape
from qe_plugins.errors import ConfigError, DataError, FeatureError
from qe_plugins.features.families import family_hash
from qe_plugins.features.source import bars_of, contracts_of
from qe_plugins.research.factors import provenance
from qe_plugins.research.factors.combination import combine
from qe_plugins.research.factors.decisions import decide
from qe_plugins.research.factors.factor_test import judge, score
from qe_plugins.research.factors.feature_matrix import registered
from qe_plugins.research.factors.settings import Decisions, Label
from tests.command import ROOT, qe
from tests.research.factors import made_book
from tests.research.factors.made import FEATURES, history, settings

CODE = Path("agents/analyst_stretch.py")
PLUGIN = """
'''Where closes are in the range of half an hour.'''
import numpy as np

from qe_plugins import Family, Plugin, hookimpl


def stretch(bars):
    found = np.full(len(bars), np.nan)
    found[-1] = bars.close[-1] / bars.close.mean() - 1
    return found


class AnalystStretch(Plugin):
    @hookimpl
    def register_features(self):
        return [Family(name="stretch", function=stretch, lookback=30, meaning="close over mean")]
"""

TEST = """
name: stretched
data:
  synthetic: {root: ES, years: 2, start: 2022-01-03, seed: 11}
  roots: [ES]
features: ["*.stretch"]
decisions: {every: 1h}
draws: 200
"""

RUN = """
extends: {root}/configs/base/cme.yaml
name: stretched
data: {{synthetic: {{root: ES, sessions: 3, contracts: 1, seed: 5}}, roots: [ES]}}
rung: {{name: twenty, max_contracts: 20}}
plugins: {{analyst_stretch: {{}}}}
nautilus: {{venue: {{starting_balances: [3_000_000 USD]}}}}
strategies:
  target:
    path: strategies.factor_target:FactorTarget
    instrument: ES
    config: {{book: {book}, capital: 3_000_000 USD, contracts: 20}}
"""


def width(bars: Bars, scale: float = 1.0) -> np.ndarray:
    return scale * (bars.high - bars.low).cumsum()


def family(function=width, lookback: int = 7) -> Family:
    return Family(name="width", function=function, lookback=lookback, meaning="ranges added up")


@pytest.fixture(scope="module")
def market():
    """Return the bars, contracts and decisions of a few generated sessions."""
    data = DataSettings(synthetic=SyntheticSettings(root="ES", sessions=4), roots=["ES"])
    tape = open_tape(data, lambda key: key)
    bars, contracts = bars_of(tape), contracts_of(tape)
    return bars, contracts, decide("ES", bars, contracts, Decisions(), Label())


def test_a_family_is_called_with_its_lookback_of_bars_up_to_each_decision(market):
    bars, contracts, rows = market
    handed: list[Bars] = []

    def noted(own: Bars) -> np.ndarray:
        handed.append(own)
        return width(own)

    found = registered(["1m.width"], {"width": family(noted)}, bars, contracts, [rows])["1m.width"]

    assert len(handed) == len(rows.ts) > 20
    assert {len(one) for one in handed} == {7}
    assert {int(one.ts_event[-1]) for one in handed} == set(rows.ts.tolist())
    own = bars[str(rows.contract[-1])]
    last = int(np.searchsorted(own.ts_event, rows.ts[-1])) + 1
    assert found[-1] == np.float32(width(own[last - 7 : last])[-1])


def test_a_family_of_hours_has_the_last_hour_that_has_closed(market):
    bars, contracts, rows = market
    found = registered(["1h.width"], {"width": family(lookback=2)}, bars, contracts, [rows])
    at = np.flatnonzero(np.diff(rows.ts) == 900_000_000_000)
    changes = np.diff(found["1h.width"])[at] != 0
    on_the_hour = (rows.ts[1:] // 1_000_000_000 % 3_600 == 0)[at]
    assert changes.any()
    assert not changes[~on_the_hour].any()


def test_without_a_family_nothing_is_computed(market):
    bars, contracts, rows = market
    assert registered(["1m.velocity.30"], {"width": family()}, bars, contracts, [rows]) == {}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("width", ["1m.width"]),
        ("1h.width", ["1h.width"]),
        ("*.width", ["1m.width", "5m.width", "1h.width", "1d.width"]),
        ("[15]m.width", ["1m.width", "5m.width"]),
    ],
)
def test_a_family_is_named_by_itself_or_with_timeframes(pattern, found):
    assert named([pattern], False, {"width": family()}) == found


def test_a_pattern_of_the_catalogue_takes_no_family_of_a_plugin():
    assert "1m.width" not in named(["1m.*"], False, {"width": family()})


def test_a_timeframe_that_there_is_not_is_refused(market):
    bars, contracts, rows = market
    with pytest.raises(FeatureError, match=r"there is no feature '7m\.width'"):
        registered(["7m.width"], {"width": family()}, bars, contracts, [rows])


def test_the_hash_of_a_family_is_that_of_its_code_and_arguments():
    first = family_hash(family(partial(width, scale=2.0)))
    assert first == family_hash(family(partial(width, scale=2.0)))
    others = [partial(width, scale=3.0), width, np.cumsum]
    assert len({first, *(family_hash(family(one)) for one in others)}) == 4
    assert family_hash(family(lookback=8)) != family_hash(family(lookback=7))


class Scaled:
    """A family's function that is an object with settings."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, bars: Bars) -> np.ndarray:
        return bars.close * self.scale


def test_the_hash_of_a_family_of_an_object_is_that_of_its_class_and_settings():
    first = family_hash(family(Scaled(2.0)))
    assert first == family_hash(family(Scaled(2.0)))
    assert first != family_hash(family(Scaled(3.0)))


def test_a_book_is_refused_where_a_family_that_it_reads_was_changed(tmp_path, monkeypatch):
    made = family()
    file = made_book.written(tmp_path, families={"width": family_hash(made)})
    monkeypatch.setattr(provenance, "registered_families", lambda: {"width": made})
    assert provenance.current(str(file)).families == {"width": family_hash(made)}
    for now in ({"width": family(lookback=8)}, {}):
        monkeypatch.setattr(provenance, "registered_families", lambda now=now: now)
        with pytest.raises(ConfigError, match="was made with another family 'width'"):
            provenance.current(str(file))


def test_no_book_is_made_of_a_family_that_was_changed_since_the_test():
    data, made = history(1)
    data = msgspec.structs.replace(data, families={"width": family()})
    result = judge(settings(), data, score(data, [(FEATURES, made["values"])]))
    changed = msgspec.structs.replace(data, families={"width": family(lookback=8)})
    accepted = {FEATURES[0]: "to try it"}
    with pytest.raises(DataError, match="the family 'width' has other code than in the test"):
        combine(settings(), "test", result, changed, {}, accepted)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QE_HOME", str(tmp_path / "home"))
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").touch()
    (tmp_path / CODE).write_text(PLUGIN)
    (tmp_path / "test.yaml").write_text(TEST)
    return tmp_path


def test_a_projects_family_is_tested_and_enters_a_book_with_its_hash(project: Path):
    done = qe("factors", "test", "test.yaml", "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["result"]
    tested = {one["name"] for one in result["factors"]}
    assert tested == {"1m.stretch", "5m.stretch", "1h.stretch"}
    assert result["untested"]["1d.stretch"] == "fewer than 20 windows of 30 bars in a half"
    accept = ("--accept", "1m.stretch", "--because", "it is ours")
    done = qe("factors", "combine", "last", *accept, "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["book"]["families"] == result["families"]


@pytest.fixture
def run(project: Path) -> Path:
    """Return a backtest of a book that reads the project's family."""
    (project / "strategies").mkdir()
    (project / "strategies" / "__init__.py").touch()
    shutil.copy(ROOT / "strategies" / "factor_target.py", project / "strategies")
    spec = importlib.util.spec_from_file_location("stretched", project / CODE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    [own] = module.AnalystStretch().register_features()
    factor = msgspec.structs.replace(
        made_book.one_factor().factors[0], name="1m.stretch", scale=0.0005
    )
    book = made_book.written(project, factors=[factor], families={"stretch": family_hash(own)})
    file = project / "run.yaml"
    file.write_text(RUN.format(root=ROOT, book=book))
    return file


def test_a_book_of_a_projects_family_is_traded_as_its_arithmetic_says(run: Path, project: Path):
    done = qe("factors", "backtest", run, "--json", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    [root] = json.loads(done.stdout)["roots"]
    assert root["trades"] > 10
    assert root["found"] == pytest.approx(root["expected"], abs=0.01)
