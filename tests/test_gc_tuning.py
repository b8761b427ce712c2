"""Long work leaves the garbage collector as it found it."""

from __future__ import annotations

import gc
import inspect

import pytest

from qe_plugins.gc_tuning import YOUNG, relaxed_gc


@pytest.fixture(autouse=True)
def _counted(monkeypatch):
    """Count what is frozen, which other tests do not: it takes long."""
    monkeypatch.setattr(gc, "get_freeze_count", inspect.unwrap(gc.get_freeze_count))


@pytest.fixture
def nothing_frozen():
    """Unfreeze what the test session has frozen, until the test has ended."""
    gc.unfreeze()
    yield
    gc.freeze()


@pytest.mark.usefixtures("nothing_frozen")
def test_the_collector_is_as_before_when_it_ends():
    usual = gc.get_threshold()
    with relaxed_gc():
        assert gc.get_threshold()[0] == YOUNG
        assert gc.get_freeze_count() > 0

    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() == 0


def test_what_fails_leaves_it_so_too():
    usual = gc.get_threshold()
    with pytest.raises(ValueError, match="broken"), relaxed_gc():
        raise ValueError("broken")

    assert gc.get_threshold() == usual


def test_what_the_caller_has_frozen_stays_frozen():
    gc.freeze()
    frozen = gc.get_freeze_count()
    with relaxed_gc():
        created = [[] for _ in range(100)]

    assert len(created) == 100
    assert abs(gc.get_freeze_count() - frozen) < 50  # what was frozen may still die
