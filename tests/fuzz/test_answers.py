"""Whatever a vendor answers, it is read, or refused as unreadable: nothing else is raised."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qe_plugins.data.databento import responses
from qe_plugins.data.databento.retry import UnreadableError

READERS = [
    one
    for name, one in vars(responses).items()
    if inspect.isfunction(one)
    and one.__module__ == responses.__name__
    and not name.startswith("_")
    and len(inspect.signature(one).parameters) == 1
]
KEYS = ["date", "condition", "result", "d0", "d1", "s", "id", "state", "filename", "hash", "size"]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["2024-01-02", "2024-13-45", "done", "../x", "ES.FUT", math.nan, 10**400])
)
ANSWERS = st.recursive(
    SCALARS,
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inside, max_size=5)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("reader", READERS, ids=lambda one: one.__name__)
@given(answer=ANSWERS)
def test_an_answer_is_read_or_unreadable(reader: Callable[[Any], Any], answer: Any) -> None:
    with suppress(UnreadableError):
        responses.read(reader, answer)


def test_the_readers_are_found() -> None:
    assert {"count", "dollars", "conditions", "intervals"} <= {one.__name__ for one in READERS}
