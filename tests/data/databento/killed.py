"""Run `qe` until it reaches a place in its code, and kill it there as `kill -9` does.

`python -m tests.data.databento.killed MODULE:NAME before|after|half NTH -- ARGUMENTS` ends with the
NTH call of NAME: before it, after it, or, of a function that writes a file, when half is written.
Files are bought one after another, so that it is known what was bought by then.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from functools import reduce, wraps
from pathlib import Path
from typing import Any, NoReturn

from qe_plugins.cli import main
from qe_plugins.data.databento import download


def kill() -> NoReturn:
    """End this process with no chance to tidy up."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def killing(original: Callable[..., Any], when: str, nth: int) -> Callable[..., Any]:
    """Return a function that does what `original` does until its last call."""
    calls = 0

    @wraps(original)
    def called(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < nth:
            return original(*given, **named)
        if when == "half":
            path, content = given
            Path(f"{path}.part").write_bytes(content[: len(content) // 2])
        if when == "after":
            original(*given, **named)
        kill()

    return called


if __name__ == "__main__":
    place, when, nth, _, *arguments = sys.argv[1:]
    module, _, name = place.partition(":")
    *owners, last = name.split(".")
    owner = reduce(getattr, owners, importlib.import_module(module))
    setattr(owner, last, killing(getattr(owner, last), when, int(nth)))
    download.AT_ONCE = 1
    sys.argv = ["qe", *arguments]
    main()
