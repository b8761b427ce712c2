"""A headless Chromium without a network, or a skip that says it is absent."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from tests.observatory.conftest import Client

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def _chromium() -> Iterator[webdriver.Chrome]:
    with chromium() as opened:
        yield opened


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Open a browser without a connection; skip the test where there is none."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("no Chromium with its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for switch in SWITCHES:
        options.add_argument(switch)
    opened = webdriver.Chrome(options=options, service=Service(driver))
    opened.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    opened.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    try:
        yield opened
    finally:
        opened.quit()


@pytest.fixture
def browser(_chromium: webdriver.Chrome) -> webdriver.Chrome:
    """Return the browser as a desk has it: light, 1280 pixels wide, nothing logged yet."""
    look(_chromium)
    for kind in ("browser", "performance"):
        _chromium.get_log(kind)
    return _chromium


PATIENCE = 180.0
"""Seconds that a condition may take on a loaded machine."""

LOADED = "return !window.left && document.readyState === 'complete'"
DRAWN = "return !window.left && document.documentElement.dataset.drawn === 'yes'"

TWO_FRAMES = """
const done = arguments[0];
requestAnimationFrame(() => requestAnimationFrame(() => done()));
"""


def look(driver: webdriver.Chrome, *, width: int = 1280, scheme: str = "light") -> None:
    """Give the page a width in pixels and a colour scheme, and wait until it is drawn so."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": features})
    driver.execute_async_script(TWO_FRAMES)


def until(driver: webdriver.Chrome, holds: Callable[[webdriver.Chrome], object]) -> None:
    """Wait until a condition holds."""
    WebDriverWait(driver, PATIENCE, poll_frequency=0.05).until(holds)


def visit(driver: webdriver.Chrome, url: str, loaded: str = LOADED) -> None:
    """Open an address and wait until its page is there: `get` may return before it is parsed."""
    driver.execute_script("window.left = true")
    driver.get(url)
    until(driver, lambda browser: browser.execute_script(loaded))


@pytest.fixture(scope="module")
def online(_chromium: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """Return the browser with a connection, which other tests of pages do not have."""
    set_offline(_chromium, False)
    yield _chromium
    _chromium.get("about:blank")
    set_offline(_chromium, True)
    for kind in ("browser", "performance"):
        _chromium.get_log(kind)


def set_offline(driver: webdriver.Chrome, offline: bool) -> None:
    speed = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    if offline:
        speed = {"latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": offline, **speed})


def enter(driver: webdriver.Chrome, client: Client) -> str:
    """Open MissionControl, the first time by the printed address; return the server's."""
    base = f"http://{client.netloc}"
    look(driver)
    visit(driver, f"{base}/" if client.cookie else client.entry)
    client.cookie = "; ".join(f"{c['name']}={c['value']}" for c in driver.get_cookies())
    return base


def shown(driver: webdriver.Chrome, css: str) -> str:
    return driver.execute_script(
        "return (document.querySelector(arguments[0]) || {}).textContent || ''", css
    )


def connected(driver: webdriver.Chrome) -> bool:
    return driver.execute_script("return document.body.dataset.connected") == "yes"
