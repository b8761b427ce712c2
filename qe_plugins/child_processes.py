"""Child processes end when their parent ends, also when it is killed."""

from __future__ import annotations

import os
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
