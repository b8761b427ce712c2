"""What a child process does first: end with its parent, also a killed one, and limit its memory."""

from __future__ import annotations

import os
import sys
import threading
from functools import cache
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path


def end_with_parent() -> None:
    """End this spawned process as soon as its parent has ended, also by SIGKILL.

    Call it first in the child. The child's own cleanup is not run: its result is not needed.
    """
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="qe-parent", daemon=True).start()


@cache
def limit_memory(more: int) -> None:
    """Let this process have so many bytes more than it has now; a MemoryError is raised above them.

    The limit is set once, and is Linux' own: elsewhere there is none.
    """
    if sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    most = pages * resource.getpagesize() + more
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    below = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (below, hard))
