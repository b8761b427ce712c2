"""Fuzz one kind in this process: `python -m tests.fuzz.loop KIND SEED SECONDS FOLDER`.

Prints one JSON line a fault, and at last how many inputs were tried. A hang ends the process with
its traceback; an abort ends it by itself, and the last line says with which input it began.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import random
import sys
import time
from pathlib import Path

from qe_plugins.cli import main
from tests.fuzz.kinds import KINDS

SLOWEST = 10.0
"""Seconds that one input may take, on a machine with nothing else to do."""


def tried(arguments: list[str]) -> tuple[int | str | None, str, str]:
    """Return exit code, output and errors of `qe` with these arguments, called in this process."""
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["qe", *arguments]
    code: int | str | None = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as done:
            code = done.code
        except BaseException as error:  # a raw traceback
            code = f"raised {type(error).__name__}: {error}"
    return code, out.getvalue(), err.getvalue()


def fault(code: int | str | None, err: str, home: Path) -> str | None:
    """Return what is wrong with how `qe` took an input, None where nothing is."""
    if (home / "errors").exists():
        return "a fault of qe itself"
    if code not in (0, None, 2):
        return f"exit code {code}"
    told = [line for line in err.splitlines() if not line.startswith(("note: ", "Usage:", "Try "))]
    told = [line for line in told if line.strip()]
    if "Traceback (most recent call last)" in err:
        return "a raw traceback"
    if code == 2 and not (told and told[-1].lower().startswith("error:") and len(told) == 1):
        return f"{len(told)} lines"
    half = [path for path in home.rglob("*") if path.name.endswith((".part", ".new"))]
    return f"half kept: {half[0].name}" if half else None


def run(kind: str, seed: int, seconds: float, folder: Path) -> int:
    """Try inputs until the time is over; return how many."""
    home = folder / "home"
    os.environ |= {"QE_HOME": str(home), "FUZZ_KEY": "hush-hush"}
    limit, count = time.monotonic() + seconds, 0
    while time.monotonic() < limit:
        at = seed * 1_000_003 + count
        arguments, file = KINDS[kind](random.Random(at), folder)
        print(json.dumps({"trying": at, "arguments": arguments}), file=sys.stderr, flush=True)
        faulthandler.dump_traceback_later(SLOWEST * 6, exit=True)
        began = time.process_time()
        code, _, err = tried(arguments)
        took = time.process_time() - began
        faulthandler.cancel_dump_traceback_later()
        wrong = fault(code, err, home) or (f"took {took:.1f} s" if took > SLOWEST else None)
        if wrong:
            kept = folder / f"fault-{at}"
            kept.mkdir()
            if file.exists():
                (kept / file.name).write_bytes(file.read_bytes())
            for trace in (home / "errors").glob("*"):
                err += trace.read_text()
                trace.unlink()
            if (home / "errors").exists():
                (home / "errors").rmdir()
            print(
                json.dumps({"seed": at, "wrong": wrong, "arguments": arguments, "err": err[-2500:]})
            )
        count += 1
    return count


if __name__ == "__main__":
    _, kind, seed, seconds, folder = sys.argv
    print(json.dumps({"tried": run(kind, int(seed), float(seconds), Path(folder))}))
