"""Processes that this program starts end when it does, however it ends."""

from __future__ import annotations

import os
import threading
from multiprocessing import parent_process
from multiprocessing.connection import wait


def end_with_parent() -> None:
    """End this spawned process as soon as the one that started it has ended, also by SIGKILL.

    Call first in the child. Its own cleanup is not run: whoever waited for its result is gone.
    """
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="qe-parent", daemon=True).start()
