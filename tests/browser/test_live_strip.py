"""The strip of an open page against a live session on a simulated TWS: within two seconds."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from selenium import webdriver

from qe_plugins.engine.live import faked_clock
from qe_plugins.halt.latch import PERSON, HaltLatch
from qe_plugins.testing.tws import SimulatedTws
from tests.browser.conftest import PATIENCE, connected, enter, until
from tests.engine.broker.live_process import AheadClock, LiveProcess, write_config
from tests.observatory.conftest import serving

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(faked_clock.library() is None, reason="Debian's faketime is not installed"),
]

WITHIN = 2.0
SILENT_AFTER = 5.0
"""Seconds without a heartbeat after which a node is silent."""

WATCH = """
const strip = document.getElementById("strip");
const text = () => strip.textContent.replace(/\\s+/g, " ").trim();
window.said = [[Date.now(), text()]];
new MutationObserver(() => {
  const now = text();
  if (now !== window.said.at(-1)[1]) window.said.push([Date.now(), now]);
}).observe(strip, {childList: true, subtree: true, characterData: true});
"""
SAID = """
const [words, since] = arguments;
const said = window.said, ends = at => said[at + 1] ? said[at + 1][0] : Infinity;
const first = said.findIndex(([, text], at) => text.includes(words) && ends(at) > since);
return first < 0 ? null : Math.max(said[first][0] - since, 0);
"""


class OpenPage:
    """A page in the browser; `took` has the seconds after which its strip said each state."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.took: dict[str, float] = {}

    def says(self, name: str, words: str, since: float) -> None:
        """Wait until the strip says `words`; keep how long after `since` (Unix seconds) it did."""

        def found(driver: webdriver.Chrome) -> bool:
            ms = driver.execute_script(SAID, words, since * 1000)
            if ms is not None:
                self.took[name] = ms / 1000
            return ms is not None

        until(self.driver, found)


def test_the_strip_of_an_open_page_says_each_state_of_a_live_session(
    online: webdriver.Chrome, tmp_path: Path
) -> None:
    clock = AheadClock()
    with (
        SimulatedTws(clock=clock) as tws,
        LiveProcess(write_config(tmp_path, tws.port), clock) as live,
        serving(live.home) as client,
    ):
        enter(online, client)
        until(online, connected)
        online.execute_script(WATCH)
        page = OpenPage(online)
        started = live.wait("ready", seconds=PATIENCE)
        page.says("start", "FLAT", started["at"] - clock.ahead)

        live.do("enter")
        filled = live.wait("filled", seconds=PATIENCE)["at"] - clock.ahead
        page.says("fill", "LONG 1 MESZ6", filled)
        page.says("its stop", "from 6,500.25, stop 6,495.25", filled)

        tws.control.move(6494.75)
        stopped = live.wait("filled", type="STOP_MARKET", seconds=PATIENCE)["at"] - clock.ahead
        page.says("stop-out", "FLAT", stopped)

        HaltLatch(live.home / "halt.json").set("a test", PERSON)
        page.says("halt", "HALTED", time.time())
        HaltLatch(live.home / "halt.json").clear()
        page.says("resume", "FLAT", time.time())

        tws.control.log_out()
        page.says("gateway gone", "No new risk", time.time())
        tws.control.log_in()

        os.kill(live.process.pid, signal.SIGSTOP)
        page.says("hung", "NODE SILENT", time.time() + SILENT_AFTER)
        os.kill(live.process.pid, signal.SIGCONT)
        page.says("goes on", "FLAT", time.time())

        live.kill()
        page.says("killed", "NODE DIED", time.time())
    print({name: round(seconds, 2) for name, seconds in page.took.items()})

    assert {name: one for name, one in page.took.items() if one > WITHIN} == {}
