"""Memory comes in small pages during long work, and as before after it."""

from __future__ import annotations

import sys
from contextlib import suppress

import pytest

from qe_plugins import pages

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a setting of Linux")


def told() -> int:
    """Return whether the system was told to hand out small pages."""
    return pages._ask(pages.GET)


@pytest.mark.parametrize("usual", [0, 1])
def test_pages_are_small_within_and_as_they_were_after(usual):
    before = told()
    pages._ask(pages.SET, usual)
    try:
        with suppress(ZeroDivisionError), pages.small():
            assert told() == 1
            raise ZeroDivisionError
        assert told() == usual
    finally:
        pages._ask(pages.SET, before)
