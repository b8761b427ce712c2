"""Which tests of the journal run on Postgres in the normal suite: of those alike, a sample."""

from __future__ import annotations

import pytest

SAMPLE = (
    "test_an_untouched_journal_verifies",
    "test_a_fact_moved_to_another_run_is_seen_in_both",
    "test_every_run_deleted_is_seen",
    "test_a_column_cannot_be_given_another_type",
)
"""Tests of `test_tampering.py` that run on Postgres; with `-m long` all do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tampering on Postgres as long, but for the sample."""
    for item in items:
        if item.path.name == "test_tampering.py" and isinstance(item, pytest.Function):
            on_server = "postgres" in item.callspec.params.values()
            if on_server and item.originalname not in SAMPLE:
                item.add_marker(pytest.mark.long)
