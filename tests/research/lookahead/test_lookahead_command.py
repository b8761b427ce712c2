"""`qe lookahead`, with real runs in real processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.dbn_tape import december_tape
from tests.research.lookahead.conftest import Analyse

DATA = "data: {synthetic: {sessions: 1}}\n"
MES = "MESH24.XCME"
BARS = f"{MES}-1-MINUTE-LAST-EXTERNAL"
CROSS = f"strategies: {{ema_cross: {{instrument_id: {MES}, fast: 3, slow: 9}}}}\n"
OWN = f"strategies: {{%s: {{path: 'strategies.honest:%s', config: {{instrument_id: {MES}}}}}}}\n"
ONE_ES = "rung: {name: 1 ES, risk: 1_000 USD, max_contracts: 1}\n"
HUNTED = DATA + CROSS + "plugins: {%s: {}, arbiter_vote: {}}\n"


def sources(result: dict[str, Any]) -> set[tuple[str, str]]:
    """Return who was found, and what in."""
    return {(one["source"], one["kind"]) for one in result["findings"]}


@pytest.mark.parametrize(
    "hunter", ["hunter_global", pytest.param("hunter_class", marks=pytest.mark.long)]
)
def test_a_hunter_that_looks_one_bar_ahead_is_found_with_its_bar(
    analyse: Analyse, hunter: str
) -> None:
    code, result = analyse(HUNTED % hunter)
    assert (code, sources(result)) == (1, {(hunter, "vote")})
    for one in result["findings"]:
        assert one["bar"] in (BARS, BARS.replace("H24", "M24"))  # it looks ahead in both contracts
        assert one["time"] == one["until"]


@pytest.mark.long
def test_a_guardian_that_looks_one_bar_ahead_is_found_with_its_bar(analyse: Analyse) -> None:
    code, result = analyse(DATA + CROSS + "plugins: {guardian_ahead: {}}\n")
    assert (code, sources(result)) == (1, {("guardian_ahead", "veto")})
    assert {one["bar"] for one in result["findings"]} == {BARS}


@pytest.mark.long
@pytest.mark.parametrize("early", ["true", "false"])
def test_a_strategy_that_reads_the_data_itself_is_found_with_its_bar(
    analyse: Analyse, early: str
) -> None:
    reader = f"strategies: {{reader: {{instrument_id: {MES}, early: {early}}}}}\n"
    code, result = analyse(DATA + reader)
    assert (code, sources(result)) == (1, {("Reader-000", "order")})
    assert {one["bar"] for one in result["findings"]} == {BARS}


@pytest.mark.long
def test_a_databento_file_that_a_strategy_reads_is_cut_where_it_lies(
    analyse: Analyse, tmp_path: Path
) -> None:
    folder = december_tape(tmp_path / "bought")
    files = [str(one) for one in sorted(folder.glob("*.dbn.zst"))]
    data = f"data: {{dbn: {files}, end: 2013-12-10}}\n"
    reader = f"strategies: {{reader: {{instrument_id: ESZ13.XCME, folder: {folder}}}}}\n"
    code, result = analyse(data + reader + ONE_ES)
    assert (code, sources(result)) == (1, {("Reader-000", "order")})


@pytest.mark.long
def test_a_roll_by_volume_is_known_from_the_day_before(analyse: Analyse, tmp_path: Path) -> None:
    folder = december_tape(tmp_path / "bought")
    hold = "strategies: {hold: {instrument: ES, roll: volume}}\n"
    code, result = analyse(f"data: {{dbn: {folder}}}\n" + hold + ONE_ES, samples=4)
    assert (code, result["findings"]) == (0, [])
    assert result["decisions"]["order"] == 3


@pytest.mark.long
def test_what_keeps_a_state_a_seed_and_a_file_passes(analyse: Analyse) -> None:
    code, result = analyse(HUNTED % "hunter_honest", samples=4)
    assert (code, result["findings"], result["unstable"]) == (0, [], None)
    assert len(result["moments"]) == 4


@pytest.mark.long
def test_bars_made_inside_alerts_changes_and_an_end_of_its_own_pass(analyse: Analyse) -> None:
    small = OWN % ("small", "Small")
    code, result = analyse(DATA + small, samples=5)
    assert (code, result["findings"], result["unstable"]) == (0, [], None)
    assert {"order", "OrderPendingCancel", "OrderPendingUpdate"} <= set(result["decisions"])


@pytest.mark.long
def test_chance_is_called_chance(analyse: Analyse) -> None:
    coin = OWN % ("coin", "Coin")
    code, result = analyse(DATA + coin)
    assert code == 1
    assert result["unstable"]["source"] == "Coin-000"
