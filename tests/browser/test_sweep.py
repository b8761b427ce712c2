"""The page of a sweep in a browser: it stands alone, draws its map, sorts, and says what failed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from qe_plugins.report import sweep_page
from qe_plugins.research import sweep_store
from qe_plugins.research.grid import Axis, settings
from qe_plugins.research.sweep_runner import SweepResult
from qe_plugins.research.sweep_store import SweepSpec
from qe_plugins.research.variants import Variant, VariantResult, VariantState
from tests.browser.conftest import DRAWN, enter, look, until, visit
from tests.observatory.conftest import Client, serving

HOSTILE = "<script>alert('no')</script> must be shorter"
SWEEP = "20240102-sweep"
CROSS = (
    Axis("strategies.ema_cross.fast", (5, 10, 20)),
    Axis("strategies.ema_cross.slow", (30, 60)),
)
STICKS_OUT = "return document.documentElement.scrollWidth - window.innerWidth"


def result(number: int, chosen: dict[str, Any]) -> VariantResult:
    """Return what came of a variant: the fourth failed."""
    variant = Variant(number=number, key=f"{number:016x}", settings=chosen)
    if number == 4:
        return VariantResult(variant=variant, state=VariantState.FAILED, error=HOSTILE)
    figures = {
        "net_pnl": 1_000.0 * (number - 3), "sharpe": number / 4 - 1, "sortino": None,
        "max_drawdown": -0.01 * number, "trades": 10 * number, "win_rate": 0.5,
        "profit_factor": 1.2, "expectancy": 12.5, "fees": 11.4, "exposure": 0.4,
        "data_source": "synthetic", "data_label": "SYNTHETIC MES tape", "currency": "USD",
    }  # fmt: skip
    return VariantResult(variant=variant, state=VariantState.FINISHED, figures=figures)


def asked(axes: tuple[Axis, ...]) -> SweepSpec:
    return SweepSpec(sweep=SWEEP, name="a sweep", config="run.yaml", overrides=(), axes=axes)


def page(folder: Path, *axes: Axis) -> Path:
    """Write the page of a sweep over `axes`."""
    results = tuple(result(n, one) for n, one in enumerate(settings(axes), start=1))
    swept = SweepResult(
        spec=asked(axes), folder=folder, results=results, found=0, journal_sha256=None
    )
    file = folder / f"sweep-{len(axes)}.html"
    file.write_text(sweep_page.render(swept), encoding="utf-8")
    return file


@pytest.fixture
def visited(browser: webdriver.Chrome, tmp_path: Path) -> webdriver.Chrome:
    """Return a browser that shows a sweep over two settings."""
    visit(browser, page(tmp_path, *CROSS).as_uri(), DRAWN)
    return browser


@pytest.fixture(scope="module")
def observatory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Return an Observatory whose home has the same sweep."""
    home = tmp_path_factory.mktemp("swept")
    place = home / "sweeps" / SWEEP
    sweep_store.write_spec(place, asked(CROSS))
    page(place, *CROSS).rename(place / sweep_store.PAGE)
    with serving(home, "--development") as client:
        yield client


def column(browser: webdriver.Chrome, at: int) -> list[str]:
    cells = browser.find_elements(By.CSS_SELECTOR, f"#variants tbody td:nth-child({at})")
    return [cell.text for cell in cells]


def test_the_map_is_drawn_and_shows_another_figure_when_asked(visited: webdriver.Chrome) -> None:
    assert len(visited.find_elements(By.CSS_SELECTOR, "#map .hm")) == 1
    visited.find_element(By.XPATH, "//button[text()='Net P&L']").click()
    visited.find_element(By.XPATH, "//button[text()='Sharpe']").click()
    z = visited.execute_script("return document.getElementById('map').data[0].z.flat()")
    assert z == [-0.75, -0.5, -0.25, None, 0.25, 0.5]
    assert visited.get_log("browser") == []


def test_a_failed_variant_says_why_and_is_never_markup(visited: webdriver.Chrome) -> None:
    assert visited.find_element(By.CSS_SELECTOR, "td.error").text == HOSTILE
    assert "1 without a result" in visited.find_element(By.TAG_NAME, "header").text


def test_a_click_on_a_heading_sorts_by_number(visited: webdriver.Chrome) -> None:
    heading = visited.find_element(By.XPATH, "//th/button[text()='Trades']")
    heading.click()
    heading.click()
    assert column(visited, 1) == ["6", "5", "3", "2", "1", "4"]


def test_the_page_says_that_the_tape_is_synthetic(visited: webdriver.Chrome) -> None:
    assert visited.find_element(By.CSS_SELECTOR, ".badge.synthetic").text == "SYNTHETIC"


def test_it_fits_a_telephone(visited: webdriver.Chrome) -> None:
    look(visited, width=390)
    visit(visited, visited.current_url, DRAWN)
    assert visited.execute_script(STICKS_OUT) <= 0


def test_three_settings_are_a_map_of_two_of_them_and_lines_across_all(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    axes = (Axis(key, (1, 2)) for key in ("a.x", "b.x", "c.y"))
    visit(browser, page(tmp_path, *axes).as_uri(), DRAWN)
    shown = "return document.getElementById('map').data[0]"
    assert browser.execute_script(f"{shown}.customdata") == [[2, 1], [2, 2]]
    assert browser.execute_script(f"{shown}.z") == [[-0.75, -0.25], [0.25, 0.75]]
    browser.find_element(By.CSS_SELECTOR, "#across option[value='2']").click()
    assert browser.execute_script(f"{shown}.z") == [[-0.75, -0.5], [0.25, 0.5]]
    names = "return document.getElementById('across-all').layout.xaxis.ticktext"
    assert browser.execute_script(names) == ["a.x", "b.x", "c.y", "Sharpe"]
    points = "return document.getElementById('across-all').data.flatMap(one => one.x)"
    assert len(browser.execute_script(points)) == 7 * (4 + 1)
    assert browser.get_log("browser") == []
    assert column(browser, 1) == [str(n) for n in range(1, 9)]
    heads = browser.find_elements(By.CSS_SELECTOR, "#variants th.text")
    assert [head.text for head in heads] == ["a.x", "b.x", "c.y"]


@pytest.mark.parametrize("width", [1280, 390])
def test_the_observatory_lists_sweeps_and_shows_the_map_of_one(
    online: webdriver.Chrome, observatory: Client, width: int
) -> None:
    base = enter(online, observatory)
    look(online, width=width)
    visit(online, f"{base}/sweeps")
    assert online.execute_script(STICKS_OUT) <= 0
    visit(online, online.find_element(By.LINK_TEXT, SWEEP).get_attribute("href"))
    assert online.execute_script(STICKS_OUT) <= 0
    online.switch_to.frame(online.find_element(By.TAG_NAME, "iframe"))
    until(online, lambda browser: browser.execute_script(DRAWN))
    assert len(online.find_elements(By.CSS_SELECTOR, "#map .hm")) == 1
    assert online.execute_script(STICKS_OUT) <= 0
    online.switch_to.default_content()
