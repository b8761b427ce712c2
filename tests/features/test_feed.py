"""The features of a run: the same bits in one chunk, in many and bar by bar, and point in time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qe_plugins.bars import Bars
from qe_plugins.errors import FeatureError
from qe_plugins.features.catalogue import catalogue
from qe_plugins.features.feed import FeatureFeed, ListedContract
from qe_plugins.features.names import Wanted
from qe_plugins.features.series import compute
from qe_plugins.features.trigger import FeatureTrigger
from qe_plugins.plugins.types import Family
from tests.features.tapes import MINUTE, joined, replaced, same_bits, walk

DAY = 86_400_000_000_000
NEAR = ListedContract("ESZ3.XCME", "ES", 1_387_549_800_000_000_000)
FAR = ListedContract("ESH4.XCME", "ES", 1_395_408_600_000_000_000)
NAMES = (
    "1m.temperature.60",
    "5m.velocity.10",
    "1h.displacement.5",
    "1d.velocity.5",
    *(f"across.{n}" for n in ("session_clock", "minutes_to_break", "overnight_gap", "carry")),
    "across.sessions_to_roll",
    "across.velocity_agreement",
)


def near() -> Bars:
    """Return nine days of one contract, with gaps."""
    bars = walk(9 * 1_440, seed=3)
    kept = np.random.default_rng(1).random(len(bars)) > 0.3
    return Bars(bars.bar_type, {n: column[kept] for n, column in bars.columns.items()})


def far() -> Bars:
    """Return the next contract: less volume at first, more in the end."""
    bars = walk(9 * 1_440, seed=4)
    volume = np.floor(bars.volume * np.linspace(0.2, 3.0, len(bars)))
    return replaced(bars, volume=volume)


def fed(size: int, tapes: dict[str, Bars], wanted: Wanted, **more: object) -> dict[str, np.ndarray]:
    """Return the features of each contract's bars, computed in chunks of `size` minutes."""
    feed = FeatureFeed(wanted, [NEAR, FAR], "1m", **more)
    first = min(int(bars.ts_event[0]) for bars in tapes.values())
    last = max(int(bars.ts_event[-1]) for bars in tapes.values())
    found: dict[str, list[list[float]]] = {name: [] for name in tapes}
    for start in range(first, last + 1, size * MINUTE):
        chunk = {name: between(bars, start, start + size * MINUTE) for name, bars in tapes.items()}
        chunk = {name: bars for name, bars in chunk.items() if len(bars)}
        feed.compute(chunk)
        order = [(ts, name) for name, bars in chunk.items() for ts in bars.ts_event.tolist()]
        for ts, name in sorted(order):
            view = feed.views[name]
            view.advance(ts)
            found[name].append([view[one] for one in wanted.names])
    return {name: np.array(rows) for name, rows in found.items()}


def between(bars: Bars, start: int, end: int) -> Bars:
    a, b = np.searchsorted(bars.ts_event, [start, end])
    return bars[int(a) : int(b)]


@pytest.fixture(scope="module")
def whole() -> dict[str, np.ndarray]:
    tapes = {"ESZ3.XCME": near(), "ESH4.XCME": far()}
    return fed(100_000, tapes, Wanted(NAMES))


@pytest.mark.parametrize("size", [1, 77, 1_440])
def test_chunks_of_any_size_give_the_same_bits(size: int, whole: dict[str, np.ndarray]):
    days = {1: 0.3, 77: 9, 1_440: 9}[size]
    tapes = {name: between(bars, 0, int(bars.ts_event[0]) + int(days * DAY))
             for name, bars in {"ESZ3.XCME": near(), "ESH4.XCME": far()}.items()}  # fmt: skip

    found = fed(size, tapes, Wanted(NAMES))

    for name, rows in found.items():
        assert same_bits(rows, whole[name][: len(rows)])


def test_features_of_every_timeframe_become_known(whole: dict[str, np.ndarray]):
    known = np.isfinite(whole["ESZ3.XCME"][-1])
    never = [name for name, one in zip(NAMES, known, strict=True) if not one]

    assert never == ["across.overnight_gap", "across.velocity_agreement"]  # need 21 and 31 days


def test_a_minute_is_that_of_its_own_contract(whole: dict[str, np.ndarray]):
    alone = compute(near(), ["temperature.60"])

    assert same_bits(whole["ESZ3.XCME"][:, 0].copy(), alone[:, 0].copy())


def test_five_minutes_are_known_from_their_close():
    bars = walk(600, seed=2, quiet=0.0)
    found = fed(600, {"ESZ3.XCME": bars}, Wanted(["5m.velocity.5"]))["ESZ3.XCME"][:, 0]
    changes = np.flatnonzero(np.diff(found[np.isfinite(found)]) != 0) + 1
    stamps = bars.ts_event[np.isfinite(found)][changes]

    assert len(changes) > 50
    assert (stamps % (5 * MINUTE) == 0).all()


def test_garbage_after_a_bar_changes_nothing_before_it(whole: dict[str, np.ndarray]):
    bars = near()
    cut = 4_000
    garbage = walk(1_000, seed=9, noise=0.02)
    later = bars.ts_event[cut - 1] + MINUTE * (1 + np.arange(1_000))
    poisoned = joined(bars[:cut], replaced(garbage, ts_event=later, ts_init=later))

    found = fed(100_000, {"ESZ3.XCME": poisoned, "ESH4.XCME": far()}, Wanted(NAMES))["ESZ3.XCME"]

    assert same_bits(found[:cut], whole["ESZ3.XCME"][:cut])


def test_a_later_start_gives_the_same_bits_from_the_lookback_on(whole: dict[str, np.ndarray]):
    start = int(near().ts_event[0]) + DAY // 2
    tapes = {name: between(bars, start, 2**62)
             for name, bars in {"ESZ3.XCME": near(), "ESH4.XCME": far()}.items()}  # fmt: skip
    found = fed(100_000, tapes, Wanted(NAMES))["ESZ3.XCME"]
    settled = 7 * 1_440

    assert same_bits(found[-500:], whole["ESZ3.XCME"][-500:])
    assert len(found) > settled // 2


def test_data_that_ends_with_a_session_has_its_earlier_sessions(whole: dict[str, np.ndarray]):
    close = 1_382_130_900_000_000_000  # Friday 2013-10-18 16:15 in Chicago
    tapes = {name: between(bars, 0, close + 1)
             for name, bars in {"ESZ3.XCME": near(), "ESH4.XCME": far()}.items()}  # fmt: skip

    found = fed(100_000, tapes, Wanted(NAMES))["ESH4.XCME"]

    assert far().ts_event[len(found) - 1] == close
    assert same_bits(found, whole["ESH4.XCME"][: len(found)])


def test_values_stay_until_the_next_bar_of_the_contract():
    bars = walk(100, seed=2)
    feed = FeatureFeed(Wanted(["1m.velocity.5"]), [NEAR], "1m")
    feed.compute({"ESZ3.XCME": bars[:50]})
    view = feed.views["ESZ3.XCME"]
    for ts in bars.ts_event[:50].tolist():
        view.advance(ts)
    before = view["1m.velocity.5"]

    feed.compute({"ESZ3.XCME": bars[50:]})

    assert math.isfinite(before)
    assert view["1m.velocity.5"] == before


def test_an_undeclared_feature_is_an_error_with_a_suggestion():
    view = FeatureFeed(Wanted(["1m.velocity.30"]), [NEAR], "1m").views["ESZ3.XCME"]

    with pytest.raises(FeatureError, match=r"not declared\. Did you mean '1m\.velocity\.30'"):
        view["1m.velocty.30"]


def test_an_unknown_feature_is_an_error_with_a_suggestion():
    with pytest.raises(FeatureError, match=r"no feature '1m\.velocty\.30'\. Did you mean"):
        Wanted(["1m.velocty.30"])


def test_a_window_longer_than_the_data_is_an_error():
    start = 1_381_698_000_000_000_000

    Wanted(["1m.velocity.480", "1d.velocity.5"]).check_length(start, start + 30 * DAY)
    with pytest.raises(FeatureError, match=r"1d\.velocity\.480 needs 481 bars of 1d, the data has"):
        Wanted(["1d.velocity.480"]).check_length(start, start + 30 * DAY)


def test_bars_out_of_step_are_an_error():
    feed = FeatureFeed(Wanted(["1m.velocity.5"]), [NEAR], "1m")
    feed.compute({"ESZ3.XCME": walk(10)})

    with pytest.raises(FeatureError, match="computed for other bars"):
        feed.views["ESZ3.XCME"].advance(5)


def test_an_own_family_gets_its_lookback_and_nothing_else():
    lengths = []

    def slope(bars: Bars) -> np.ndarray:
        lengths.append(len(bars))
        return bars.close - bars.close[0]

    family = Family(name="slope", function=slope, lookback=7, meaning="rise over six bars")
    wanted = Wanted(["1m.slope", "5m.slope"], {"slope": family})
    bars = walk(200, seed=6)

    found = fed(90, {"ESZ3.XCME": bars}, wanted)["ESZ3.XCME"]

    assert set(lengths) == {7}
    assert np.isnan(found[:6, 0]).all()
    assert found[50, 0] == bars.close[50] - bars.close[44]
    assert np.isfinite(found[40:, 1]).all()


def test_a_trigger_holds_at_the_same_bars_in_one_chunk_and_bar_by_bar():
    trigger = FeatureTrigger("abs(1m.velocity.5) > 1 and 5m.temperature.5 < 3", "test")
    bars = walk(700, seed=6)
    held = {}
    for size in (1, 10_000):
        feed = FeatureFeed(Wanted(trigger.names), [NEAR], "1m", {"it": trigger})
        held[size] = []
        for start in range(0, len(bars), size):
            feed.compute({"ESZ3.XCME": bars[start : start + size]})
            for ts in bars.ts_event[start : start + size].tolist():
                view = feed.views["ESZ3.XCME"]
                view.advance(ts)
                held[size].append(view.triggered("it"))

    assert held[1] == held[10_000]
    assert 10 < sum(held[1]) < 600


def test_every_feature_of_the_catalogue_can_be_fed():
    feed = FeatureFeed(Wanted(catalogue()), [NEAR, FAR], "1m")
    feed.compute({"ESZ3.XCME": near()[:2_000], "ESH4.XCME": far()[:2_000]})
    view = feed.views["ESZ3.XCME"]
    for ts in near().ts_event[:2_000].tolist():
        view.advance(ts)

    known = [name for name in catalogue() if view.known(name)]

    assert 500 < len(known) < 1_291
    assert {name.partition(".")[0] for name in known} == {"1m", "5m", "1h", "across"}


def test_a_restart_with_only_the_lookback_gives_the_same_bits_and_the_same_signals():
    """A session that was killed reads the last bars again, as many as the longest lookback."""
    trigger = FeatureTrigger("abs(1m.drift.30) > 1 and 5m.efficiency.10 > 0.3", "test")
    names = [*(f"1m.{n}.60" for n in ("hurst", "echo", "kyle_lambda", "place", "inertia")),
             "5m.velocity.30", "5m.wavelet_slope.20", *trigger.names]  # fmt: skip
    bars = walk(2_600, seed=8, quiet=0.0)
    killed, lookback = 2_500, 5 * 62
    alive = session(bars, names, trigger)

    restarted = session(bars[killed - lookback :], names, trigger)

    assert same_bits(restarted[0][-100:].copy(), alive[0][-100:].copy())
    assert restarted[1][-100:] == alive[1][-100:]
    assert 0 < sum(alive[1][-100:]) < 100


def session(bars: Bars, names: list[str], trigger: FeatureTrigger) -> tuple[np.ndarray, list[bool]]:
    """Return the features of each bar, fed one by one, and whether a trigger held."""
    feed = FeatureFeed(Wanted(names), [NEAR], "1m", {"it": trigger})
    view, rows, held = feed.views["ESZ3.XCME"], [], []
    for n, ts in enumerate(bars.ts_event.tolist()):
        feed.compute({"ESZ3.XCME": bars[n : n + 1]})
        view.advance(ts)
        rows.append([view[name] for name in names])
        held.append(view.triggered("it"))
    return np.array(rows), held
