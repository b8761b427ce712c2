"""What the probe of the journal says between two looks at it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from qe_plugins.engine.live.journal_probe import JournalProbe


class Journals:
    """A journal that fails once, and then can be written; `later` is set from then on."""

    def __init__(self) -> None:
        self.attempts = 0
        self.hangs = threading.Event()
        self.later = threading.Event()

    def check(self) -> None:
        self.attempts += 1
        if self.attempts == 1:
            raise OSError("no space left")
        self.later.set()
        self.hangs.wait(60)


@pytest.fixture
def journal() -> Iterator[Journals]:
    one = Journals()
    yield one
    one.hangs.set()


def test_a_failure_is_returned_once_though_the_next_attempt_succeeded(journal: Journals) -> None:
    journal.hangs.set()
    probe = JournalProbe(journal.check, every=0.001)
    assert journal.later.wait(60)
    probe.close()
    assert [probe.take_failure(), probe.take_failure()] == ["no space left", None]


def test_an_attempt_that_is_overdue_is_a_failure_while_it_hangs_and_once_after_it(
    journal: Journals,
) -> None:
    probe = JournalProbe(journal.check, every=0.001, limit=0.001)
    assert journal.later.wait(60)
    while probe.take_failure() != "no answer within 0.001 s":
        pass
    assert probe.take_failure() == "no answer within 0.001 s"
    journal.hangs.set()
    while probe._thread.is_alive():  # its limit is also that of one `close`
        probe.close()
    assert [probe.take_failure(), probe.take_failure()] == ["no answer within 0.001 s", None]
