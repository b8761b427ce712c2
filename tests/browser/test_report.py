"""The report in a browser: it stands alone, it draws, it fits, it can be read by night."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from qe_plugins.engine.results.result import BacktestResult
from qe_plugins.report import tearsheet
from qe_plugins.report.figures.equity import AccountHistory
from qe_plugins.report.summary import summarize
from tests.browser.conftest import DRAWN, look, until, visit
from tests.report.fake import HOSTILE, RESOLVED, bare, busy

RUNS = ("busy", "quiet", "one", "many")
STICKS_OUT = "return document.documentElement.scrollWidth - window.innerWidth"
CONTRAST = """
const rgb = text => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
  .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((m, n) => n - m);
                          return (x + .05) / (y + .05); };
const card = rgb(getComputedStyle(document.querySelector(".tile")).backgroundColor);
const named = ["h2", ".tile span", ".tile b.down", ".hint", "td", "td.up", "th", ".ytick text"];
return Object.fromEntries(named.map(css => {
  const style = getComputedStyle(document.querySelector(css));
  return [css, ratio(rgb(css.startsWith(".ytick") ? style.fill : style.color), card)];
}));
"""


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    return {
        "busy": page(folder, "busy", busy(folder / "a", seed=27, sessions=20, trades=73)),
        "quiet": page(folder, "quiet", bare(folder / "b")),
        "one": page(folder, "one", busy(folder / "c", sessions=3, trades=1)),
        "many": page(folder, "many", busy(folder / "d", sessions=30, trades=3_000)),
    }


def page(folder: Path, name: str, outcome: BacktestResult) -> Path:
    ledger = AccountHistory.of(outcome)
    html = tearsheet.render(outcome, ledger, summarize(outcome, folder, ledger), RESOLVED)
    file = folder / f"{name}.html"
    file.write_text(html, encoding="utf-8")
    return file


def texts(browser: webdriver.Chrome, css: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())"
    return browser.execute_script(script, css)


@pytest.mark.parametrize("name", RUNS)
def test_a_page_stands_alone_draws_its_charts_and_fits(browser, pages, name):
    visit(browser, pages[name].as_uri(), DRAWN)
    assert asked_of_a_network(browser) == []
    assert browser.get_log("browser") == []
    charts = browser.find_elements(By.CSS_SELECTOR, ".chart")
    drawn = {chart.get_attribute("id") for chart in charts}
    assert drawn >= (set() if name == "quiet" else {"equity", "margin", "hours"})
    assert all(is_drawn(chart) for chart in charts)
    for width in (1280, 390):
        look(browser, width=width)
        assert browser.execute_script(STICKS_OUT) <= 0


@pytest.mark.parametrize("name", RUNS)
def test_a_page_can_be_sent_by_mail(pages, name):
    assert pages[name].stat().st_size < 8_000_000


@pytest.mark.long
def test_a_page_of_half_a_year_and_15_000_trades_can_be_sent_by_mail(tmp_path):
    file = page(tmp_path, "most", busy(tmp_path / "most", sessions=120, trades=15_000))

    assert file.stat().st_size < 8_000_000


def asked_of_a_network(browser: webdriver.Chrome) -> list[str]:
    """Return what the page asked for, other than itself and what is inside it."""
    entries = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [
        entry["params"]["request"]["url"]
        for entry in entries
        if entry["method"] == "Network.requestWillBeSent"
    ]
    assert urls, "the browser did not log even the page itself"
    return [url for url in urls if not url.startswith(("file:", "data:", "blob:"))]


def is_drawn(chart: WebElement) -> bool:
    drawing = chart.find_element(By.CSS_SELECTOR, "svg.main-svg")
    marks = chart.find_elements(By.CSS_SELECTOR, ".trace, .point, .bars path")
    return min(drawing.size.values()) > 200 and bool(marks)


def test_text_can_be_read_by_day_and_by_night(browser, pages):
    visit(browser, pages["many"].as_uri(), DRAWN)
    for scheme in ("light", "dark"):
        look(browser, scheme=scheme)
        contrast = browser.execute_script(CONTRAST)
        assert {css: ratio for css, ratio in contrast.items() if ratio < 4.5} == {}


def test_a_synthetic_tape_is_labelled(browser, pages):
    for name, badge in (("busy", "SYNTHETIC"), ("quiet", "catalog")):
        visit(browser, pages[name].as_uri(), DRAWN)
        assert texts(browser, ".badge") == [badge]


def test_tables_show_what_happened(browser, pages):
    visit(browser, pages["busy"].as_uri(), DRAWN)
    assert len(texts(browser, "#trades tbody tr")) == 73
    assert texts(browser, "#plugins tbody td:first-child")[0] == "hunter_momentum"
    assert HOSTILE in texts(browser, "#vetoes td.reason")


def test_a_roll_is_in_its_table_and_on_the_price_chart(browser, pages):
    visit(browser, pages["busy"].as_uri(), DRAWN)
    cells = texts(browser, "#rolls tbody td")
    assert cells[2:6] == ["MESH24", "4749.75", "MESM24", "4802.75"]
    assert cells[8:11] == ["2.28", "5.00", "7.28"]
    script = "return document.querySelector('.price').data.at(-1).marker.symbol"
    assert browser.execute_script(script) == "diamond"


def test_costs_and_margin_are_told_as_shares(browser, pages):
    visit(browser, pages["busy"].as_uri(), DRAWN)
    assert texts(browser, "#costs dt")[:4] == [
        "P&L at reference prices",
        "Commissions",
        "Slippage",
        "Net P&L",
    ]
    assert all(share.endswith("%") for share in texts(browser, "#margins small"))


def test_a_long_list_of_trades_is_cut_and_says_so(browser, pages):
    visit(browser, pages["many"].as_uri(), DRAWN)
    assert len(texts(browser, "#trades tbody tr")) == 500
    assert any("The first 500 of 3,000 trades" in hint for hint in texts(browser, ".hint"))


def test_a_click_on_a_column_sorts_the_trades(browser, pages):
    visit(browser, pages["busy"].as_uri(), DRAWN)
    header = browser.find_elements(By.CSS_SELECTOR, "#trades th")[11]
    profits = []
    for direction in ("ascending", "descending"):
        browser.execute_script("arguments[0].querySelector('button').click()", header)
        assert header.get_attribute("aria-sort") == direction
        cells = texts(browser, "#trades tbody td:nth-child(12)")
        profits.append([float(cell.replace(",", "")) for cell in cells])
    assert profits == [sorted(profits[0]), sorted(profits[0], reverse=True)]


def test_zooming_in_shows_trades_that_were_thinned_out(browser, pages):
    visit(browser, pages["many"].as_uri(), DRAWN)
    assert "One in 12 of 3,000 trades" in texts(browser, ".seen")[0]
    zoom = """
        const range = {"xaxis.range[0]": "2024-01-24", "xaxis.range[1]": "2024-01-25"};
        return Plotly.relayout(document.querySelector(".price"), range);
    """
    browser.execute_script(zoom)
    until(browser, lambda _: "One in" not in texts(browser, ".seen")[0])


@pytest.mark.parametrize(("width", "minutes"), [(1280, "1 minute"), (390, "2 minutes")])
def test_a_zoom_to_a_trade_shows_candles_and_its_levels(browser, pages, width, minutes):
    look(browser, width=width)
    visit(browser, pages["busy"].as_uri(), DRAWN)
    kinds = "return document.querySelector('.price').data.map(one => one.type)"
    assert "candlestick" not in browser.execute_script(kinds)
    script = "document.querySelector('.steps [data-step=\"1\"]').click()"
    browser.execute_script(script)
    until(browser, lambda _: "candlestick" in browser.execute_script(kinds))
    entry = "return document.querySelector('.price').data.find(one => one.name === 'entry').y"
    assert browser.execute_script(entry)[0] == browser.execute_script(
        "return drawn.prices[0].trades.entry[0]"
    )
    assert texts(browser, ".seen") == [f"1 trade in view. 0 vetoes in view. Candles of {minutes}."]


def test_a_run_without_trades_says_so_in_words(browser, pages):
    visit(browser, pages["quiet"].as_uri(), DRAWN)
    said = texts(browser, ".empty")
    assert "There were no trades." in said
    assert "No plugin was active." in said
    assert "nan" not in browser.find_element(By.TAG_NAME, "main").text.lower()


def test_paper_is_white_and_holds_the_charts_whatever_the_screen_is(browser, pages):
    look(browser, scheme="dark")
    visit(browser, pages["busy"].as_uri(), DRAWN)
    script = """
        const state = () => [getComputedStyle(document.querySelector(".tile")).backgroundColor,
                             document.querySelector("#equity .main-svg").clientWidth];
        return ["beforeprint", "afterprint"].map(moment => {
            window.dispatchEvent(new Event(moment));
            return state();
        });
    """
    (paper, narrow), (screen, wide) = browser.execute_script(script)
    assert (paper, screen) == ("rgb(255, 255, 255)", "rgb(26, 29, 34)")
    assert narrow < 660 < 1000 < wide
