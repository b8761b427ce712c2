"""The Observatory in Chromium: it says the state, goes grey alone, halts, fits, runs no text."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from qe_plugins.halt.latch import PERSON, HaltLatch
from qe_plugins.journal.activity.records import ActivityKind, PipelineEntry
from qe_plugins.journal.activity.store import ActivityJournal
from qe_plugins.journal.facts import Fact, FactKind
from qe_plugins.journal.store import Journal
from tests.browser.conftest import TWO_FRAMES, connected, enter, look, shown, until, visit
from tests.observatory.conftest import Client, serving

DESK = ("/", "/orchestration", "/foundation", "/journal", "/launchpad", "/reports")
PATHS = (*DESK, "/facts/all?run=all", "/runs", "/sweeps", "/flatten", "/style")
INCIDENT = "/incident/20261127-stale"
INJECTED = [
    f"{one}{two}"
    for one in ("", '">', "'>", "</td>", "</script>", "<!--")
    for two in (
        "<script>window.hurt=1</script>",
        "<img src=x onerror=window.hurt=1>",
        "<svg onload=window.hurt=1>",
        "<b hx-get=/journal hx-trigger=load>x</b>",
        "<a href=javascript:window.hurt=1>x</a>",
        "{{ 7*7 }} ${window.hurt=1} <hx-partial hx-target='#main'>gone</hx-partial>",
    )
]
"""36 texts that would act if they were more than text."""

CONTRAST = """
const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
  .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((m, n) => n - m);
                          return (x + .05) / (y + .05); };
const behind = e => { for (; e; e = e.parentElement) {
  const c = rgb(getComputedStyle(e).backgroundColor);
  if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
return [...document.querySelectorAll("body *")].filter(e =>
  e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
  .map(e => { const s = getComputedStyle(e), o = Number(s.opacity), b = behind(e);
              const c = rgb(s.color).slice(0, 3).map((v, i) => v * o + b[i] * (1 - o));
              return [ratio(c, b), e.tagName + "." + e.className, e.textContent.slice(0, 30)]; })
  .filter(([r]) => r < 4.5);
"""
SMALL = """
const pressed = "button, .button, nav a, input, select, summary, td a, .lines a";
return [...document.querySelectorAll(pressed)]
  .filter(e => e.type !== "hidden" && e.checkVisibility())
  .filter(e => e.getBoundingClientRect().height < 43.9).map(e => e.outerHTML.slice(0, 90));
"""
GREY = """
const began = performance.now();
new MutationObserver(() => { window.greyAfter = performance.now() - began; })
  .observe(document.body, {attributeFilter: ["data-connected"]});
"""
STICKS_OUT = "return document.documentElement.scrollWidth - window.innerWidth"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Return an Observatory with nothing to show."""
    with serving(tmp_path_factory.mktemp("bare"), "--development") as client:
        yield client


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full")
    started = datetime(2026, 11, 27, 15, tzinfo=UTC)
    run = Fact(id="run:1", kind=FactKind.RUN, ts_event=1, source="s", body={"name": "hostile"})
    facts = [run]
    for number, text in enumerate(INJECTED):
        body: dict[str, Any] = {"reason": text, "plugin": text, "client_order_id": text}
        facts.append(
            Fact(id=f"veto:{number}", kind=FactKind.VETO, ts_event=2 + number, source=text,
                 cause="run:1", body=body)
        )  # fmt: skip
    alarm = {"incident": INCIDENT.rpartition("/")[2], "kind": "stale", "about": INJECTED[0],
             "text": INJECTED[1], "since": started.isoformat(), "ended": None}  # fmt: skip
    told = Fact(
        id="alarm:1", kind=FactKind.ALARM, ts_event=1, source="watch", cause="run:1", body=alarm
    )
    with Journal.open(url(folder)) as journal:
        journal.write_run("hostile", "hostile", started, facts)
        journal.write_run("alarm", "alarm", started, [run, told])
    with ActivityJournal.open(url(folder)) as activity:
        for text in INJECTED:
            activity.record(PipelineEntry(process=text, kind=ActivityKind.NOTE, text=text))
    return folder


@pytest.fixture(scope="module")
def full(home: Path) -> Iterator[Client]:
    """Return an Observatory with a run and lines whose every outside text is an attack."""
    with serving(home, "--development") as client:
        yield client


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/journal.sqlite"


def complaints(driver: webdriver.Chrome, base: str) -> list[str]:
    """Return console errors, violations of the policy, and requests to other hosts."""
    logged = [one["message"] for one in driver.get_log("browser") if one["level"] == "SEVERE"]
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked = message["params"]["request"]["url"]
            if not asked.startswith((base, "data:", "about:")):
                logged.append(asked)
    return logged


@pytest.mark.long
def test_every_page_of_an_empty_home_opens_and_says_what_is_missing(online, bare):
    base = enter(online, bare)
    complaints(online, base)
    for path in PATHS:
        visit(online, base + path)
        assert shown(online, "h1"), path
    for path in ("/journal", "/facts/trades", "/runs"):
        visit(online, base + path)
        assert "uv run qe backtest" in shown(online, ".empty code"), path

    assert complaints(online, base) == []


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (390, "light"),
        (1280, "dark"),
        pytest.param(390, "dark", marks=pytest.mark.long),
        pytest.param(1280, "light", marks=pytest.mark.long),
    ],
)
def test_pages_fit_can_be_touched_and_read(online, full, width, scheme):
    base = enter(online, full)
    look(online, width=width, scheme=scheme)
    for path in (*PATHS, INCIDENT, "/fact/hostile/veto:1", "/line/3"):
        visit(online, base + path)
        assert online.execute_script(STICKS_OUT) <= 0, path
        assert online.execute_script(CONTRAST) == [], path
        if width < 600:
            assert online.execute_script(SMALL) == [], path


def test_text_from_outside_is_text(online, full):
    base = enter(online, full)
    complaints(online, base)
    for path in ("/journal", "/facts/vetoes?run=hostile", "/fact/hostile/veto:7", INCIDENT):
        visit(online, base + path)
        until(online, lambda d: d.execute_script("return !!window.htmx"))
        found = online.execute_script(
            "return [window.hurt, document.querySelectorAll('main img, main svg, main script, "
            "main [hx-get], main [onerror], main a[href^=javascript]').length]"
        )
        assert found == [None, 0], path
        assert "<script>" in shown(online, "main") or "<img" in shown(online, "main"), path

    assert complaints(online, base) == []


def test_the_strip_says_a_halt_and_its_end(online, full, home):
    enter(online, full)
    latch = HaltLatch(home / "halt.json")
    until(online, connected)
    assert shown(online, ".strip-body strong") == "NO SESSION"

    latch.set("a test", PERSON)
    until(online, lambda d: shown(d, ".strip-body strong").startswith("HALTED"))
    latch.clear()
    until(online, lambda d: shown(d, ".strip-body strong") == "NO SESSION")


@pytest.mark.parametrize("how", ["mouse", "keyboard", "double click"])
def test_a_halt_by(online, full, home, how):
    base = enter(online, full)
    with Journal.open(url(home)) as journal:
        before = len(journal.page(kinds=[FactKind.HALT]))
    button = online.find_element(By.ID, "halt")
    if how == "mouse":
        button.click()
    elif how == "keyboard":
        ActionChains(online).key_down(Keys.SHIFT).send_keys("h").key_up(Keys.SHIFT).perform()
    else:
        ActionChains(online).double_click(button).perform()
    until(online, lambda d: shown(d, "h1") == "Halted")
    HaltLatch(home / "halt.json").clear()

    with Journal.open(url(home)) as journal:
        assert len(journal.page(kinds=[FactKind.HALT])) == before + 1
    assert online.current_url.startswith(f"{base}/done/")
    time.sleep(1)  # two actions within a second are refused


def test_everything_is_reached_by_keyboard(online, full):
    base = enter(online, full)
    pages = {
        "o": "/orchestration",
        "l": "/launchpad",
        "f": "/foundation",
        "j": "/journal",
        "m": "/",
    }
    for key, path in pages.items():

        def opened(driver: webdriver.Chrome, key: str = key, path: str = path) -> bool:
            if driver.current_url != base + path:  # a key right after a load may be lost
                ActionChains(driver).send_keys("g", key).perform()
                driver.execute_async_script(TWO_FRAMES)
            return driver.current_url == base + path

        until(online, opened)
    visit(online, f"{base}/journal")
    ActionChains(online).send_keys("?").perform()
    until(online, lambda d: d.execute_script("return document.getElementById('keys').open"))
    ActionChains(online).send_keys(Keys.ESCAPE).perform()
    until(online, lambda d: not d.execute_script("return document.getElementById('keys').open"))
    ActionChains(online).send_keys("/").perform()
    until(online, lambda d: d.switch_to.active_element.get_attribute("name") == "word")
    ActionChains(online).send_keys(Keys.ESCAPE, "j", "j", "k", Keys.ENTER).perform()
    until(online, lambda d: "/line/" in d.current_url)


def test_a_thought_is_captured_with_c_and_enter(online, full):
    enter(online, full)
    until(online, connected)
    ActionChains(online).send_keys("c").perform()
    until(online, lambda d: d.switch_to.active_element.get_attribute("id") == "capture")
    ActionChains(online).send_keys("look at the roll", Keys.ENTER).perform()
    until(online, lambda d: "look at the roll" in shown(d, "#mission"))


def test_a_page_of_another_origin_cannot_post(online, full, home):
    base = enter(online, full)
    visit(online, "data:text/html,<p>a page of another origin")
    online.execute_script(
        "const f = document.createElement('form'); f.method = 'post'; f.action = arguments[0];"
        "document.body.append(f); f.submit();",
        f"{base}/halt",
    )
    until(online, lambda d: d.current_url == f"{base}/halt" and shown(d, "pre"))

    assert "not of this page" in shown(online, "pre")
    assert HaltLatch(home / "halt.json").read() is None


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.long)]
)
def test_a_page_whose_server_is_gone_goes_grey_by_itself(online, tmp_path, how):
    with serving(tmp_path) as client:
        enter(online, client)
        until(online, connected)
        os.kill(client.process.pid, how)
        online.execute_script(GREY)
        until(online, lambda d: d.find_element(By.ID, "strip-lost").is_displayed())
        assert "NOT CONNECTED" in shown(online, "#strip-lost")
        assert online.execute_script("return window.greyAfter") < 30_000
        os.kill(client.process.pid, signal.SIGCONT)
