"""The morning page in a browser: it says what matters in its first line, and fits a phone."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from selenium import webdriver

from qe_plugins.report.day.morning import day_report
from qe_plugins.report.day.page import write
from tests.browser.conftest import look, shown, visit

DAY, SEVEN = date(2024, 1, 3), datetime(2024, 1, 3, 13, tzinfo=UTC)
STICKS_OUT = "return document.documentElement.scrollWidth - window.innerWidth"


@pytest.mark.parametrize("width", [390, 1280])
def test_a_day_without_findings_says_so_in_its_first_line(
    browser: webdriver.Chrome, width: int
) -> None:
    file = write(day_report(DAY, SEVEN, None))
    look(browser, width=width)
    visit(browser, file.as_uri())

    assert shown(browser, "h1") == "No session traded."
    assert shown(browser, "h2 + .empty p") == "Nothing needs you."
    assert browser.execute_script(STICKS_OUT) <= 0
    assert browser.get_log("browser") == []
