"""A journal in memory that can fail and hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from qe_plugins.journal.facts import Fact


class MemorySink:
    """Facts as the journal would take them: ids once, causes before what they caused."""

    def __init__(self, facts: Sequence[Fact] = ()) -> None:
        self.facts: list[Fact] = list(facts)
        self.failure: BaseException | None = None
        self.hang = threading.Event()
        self.hang.set()
        self.entered = threading.Event()
        self.durable_upto = 0
        self.appends = 0

    def append(self, run_id: str, facts: Sequence[Fact], *, durable: bool = True) -> None:
        self.entered.set()
        self.hang.wait()
        if self.failure is not None:
            raise self.failure
        known = {fact.id for fact in self.facts}
        for fact in facts:
            if fact.id in known:
                raise ValueError(f"{fact.id} is already taken")
            if fact.cause is not None and fact.cause not in known:
                raise ValueError(f"{fact.id} has no earlier cause {fact.cause}")
            known.add(fact.id)
        self.facts.extend(facts)
        self.appends += 1
        if durable:
            self.durable_upto = len(self.facts)

    def wait_for(self, count: int, seconds: float = 5.0) -> bool:
        """Return whether there are so many facts within so many seconds."""
        end = time.monotonic() + seconds
        while len(self.facts) < count and time.monotonic() < end:
            time.sleep(0.002)
        return len(self.facts) >= count

    def of(self, kind: str) -> list[Fact]:
        """Return the facts of one kind."""
        return [fact for fact in self.facts if fact.kind == kind]
