"""A process that appends numbered facts to an open run, and prints the number of each.

`python -m tests.journal.appending RUN LAST` continues the run where its chain ends, and
closes it after the fact LAST. It prints `NUMBER SECONDS` once an append has returned, and at the
end `closed HASH`.
"""

from __future__ import annotations

import sys
import time

from qe_plugins.journal.facts import Fact
from qe_plugins.journal.store import Journal
from tests.journal.facts import STARTED, fact


def numbered(number: int) -> Fact:
    """Return one fact of a chain in which each is caused by the one before."""
    return fact(f"vote:{number}", f"vote:{number - 1}" if number else None, reason="a breakout")


def main(run_id: str, last: str) -> None:
    """Append facts until `last`."""
    with Journal.open() as journal:
        run = journal.open_run(run_id, "numbered", STARTED)
        for number in range(run.facts, int(last) + 1):
            began = time.perf_counter()
            journal.append(run_id, [numbered(number)], durable=number % 2 == 0)
            print(number, time.perf_counter() - began, flush=True)
        print("closed", journal.close_run(run_id), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
