"""Photographs every page of the Observatory: `python -m tests.browser.photographs FOLDER [HOME]`.

Each page is taken at 390 and 1280 pixels, light and dark, of an empty state folder and of `HOME`.
"""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path

from selenium import webdriver

from tests.browser.conftest import chromium, connected, enter, look, set_offline, until, visit
from tests.observatory.conftest import serving

EMPTY = (
    *("/", "/orchestration", "/foundation", "/journal", "/launchpad", "/reports"),
    *("/facts/all?run=all", "/runs", "/sweeps", "/flatten", "/style"),
)
FULL = (
    *EMPTY,
    *("/orchestration/last", "/orchestration/last/desk", "/run/last", "/run/last/report"),
    *("/trade/last", "/compare/last/last", "/facts/trades?run=last", "/report/2024-01-03"),
)


CHARTS_DRAWN = "return !document.querySelector('[data-chart]:not([data-drawn])')"


def photograph(driver: webdriver.Chrome, file: Path) -> None:
    """Write the whole page as it is drawn, whatever of it is in the window."""
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
    file.write_bytes(base64.b64decode(shot["data"]))


def photographs(driver: webdriver.Chrome, home: Path, paths: tuple[str, ...], folder: Path) -> None:
    """Write a photograph of each page, width and scheme into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with serving(home, "--development") as client:
        base = enter(driver, client)
        for path in paths:
            name = path.strip("/").replace("/", "-").replace("?", "-") or "mission-control"
            visit(driver, base + path)
            if not path.startswith("/report/"):
                until(driver, connected)
            for width in (390, 1280):
                for scheme in ("light", "dark"):
                    look(driver, width=width, scheme=scheme)
                    until(driver, lambda browser: browser.execute_script(CHARTS_DRAWN))
                    photograph(driver, folder / f"{name}-{width}-{scheme}.png")


def main() -> None:
    """Photograph the pages of an empty state folder and, where one is named, of a full one."""
    folder = Path(sys.argv[1])
    with chromium() as driver, tempfile.TemporaryDirectory() as empty:
        set_offline(driver, False)
        photographs(driver, Path(empty), EMPTY, folder / "empty")
        if len(sys.argv) > 2:
            photographs(driver, Path(sys.argv[2]), FULL, folder / "full")


if __name__ == "__main__":
    main()
