"""The morning page goes out by itself once a day, as the bytes of `qe report day --send`."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qe_plugins.config.loader import load
from qe_plugins.guard.morning import MorningPage, MorningPageEnd
from tests.command import ROOT

SEVEN = datetime(2026, 12, 1, 13, 0, tzinfo=UTC)
"""07:00 in Chicago."""

CONFIG = ROOT / "configs" / "live" / "mes_paper.yaml"
PATIENCE = 60.0


def morning(folder: Path, code: int = 0) -> MorningPage:
    script = f"import sys; print(*sys.argv[1:]); sys.exit({code})"
    return MorningPage(folder, CONFIG, "07:00", [sys.executable, "-c", script])


def result(one: MorningPage, at: datetime = SEVEN) -> MorningPageEnd:
    end = time.monotonic() + PATIENCE
    while (found := one.act(at)) is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def test_a_page_goes_out_once_a_day_also_after_a_restart(tmp_path):
    assert result(morning(tmp_path)).is_sent
    again = morning(tmp_path)
    assert again.act(SEVEN) is None
    assert again.act(SEVEN + timedelta(hours=1)) is None
    assert not again._daily.is_running
    assert result(again, SEVEN + timedelta(days=1)).is_sent


@pytest.mark.parametrize("hours", [-0.01, 5, 11])
def test_no_page_goes_out_before_its_time_or_long_after(tmp_path, hours):
    one = morning(tmp_path)

    assert one.act(SEVEN + timedelta(hours=hours)) is None
    assert not one._daily.is_running


def test_a_watcher_that_starts_at_nine_still_sends_the_page_of_seven(tmp_path):
    assert result(morning(tmp_path), SEVEN + timedelta(hours=2)).is_sent


def test_a_page_that_was_not_sent_says_why(tmp_path):
    found = result(morning(tmp_path, code=2))

    assert not found.is_sent
    assert found.line == f"the morning page was not sent: report day --send {CONFIG}"


def test_what_a_watcher_sends_is_the_page_that_the_command_writes(
    make_watcher, home, tmp_path, monkeypatch
):
    sent, config = tmp_path / "sent.json", tmp_path / "mes_paper.yaml"
    keep = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    words = json.dumps([sys.executable, "-c", keep, str(sent)])
    config.write_text(f"extends: {CONFIG}\nalarms: {{command: {words}}}\n")
    loaded = load(config, [])

    watcher = make_watcher(f"alarms.command={words}")
    assert watcher._morning is not None
    assert result(MorningPage(home, config, loaded.config.watch.report_at)).is_sent

    [page] = (home / "reports").glob("*.html")
    assert json.loads(sent.read_text())["page"] == page.read_text()
    assert make_watcher()._morning is None
