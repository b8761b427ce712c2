"""What a child process does first: end with its parent, also a killed one, and limit its memory."""

from __future__ import annotations

import os
import sys
import threading
from multiprocessing import parent_process
from multiprocessing.connection import wait


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


def limit_memory(most: int) -> None:
    """Let this process have at most so many bytes of its own; a MemoryError is raised above it.

    The limit is Linux' own: elsewhere it is not enforced.
    """
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    below = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (below, hard))
