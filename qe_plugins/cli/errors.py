"""What `qe` says when a command fails: one line, whatever it was."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from qe_plugins import state_dir
from qe_plugins.errors import QeError
from qe_plugins.safe_text import in_words, shown, with_uv, writable
from qe_plugins.safe_text import one_line as one_line_of

SHOWN = 200
"""Letters of a path that an error shows."""


def one_line(error: BaseException) -> int:
    """Print what went wrong on standard error and return the exit code.

    What a user can mend is 2 and says how. Anything else is a fault of the program: 1, with the
    traceback in a file. Re-raises SystemExit.
    """
    match error:
        case SystemExit():
            raise error
        case click.ClickException():
            error.show()
            return error.exit_code
        case BrokenPipeError():
            # `qe runs | head`: what comes later has no reader, nor has a message about it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        case QeError():
            if details := getattr(error, "details", None):
                click.echo(shown(details, lines=True), err=True)
            click.echo(f"error: {with_uv(shown(in_words(error)))}", err=True)
            return error.exit_code
        case OSError(filename=str() | Path(), strerror=str()):
            said = f"{str(error.filename)[:SHOWN]}: {error.strerror}"
            hint = "Check the folder's permissions and the space on its disk, or set QE_HOME."
            click.echo(f"error: {shown(in_words(said))}. {hint}", err=True)
            return QeError.exit_code
    what = one_line_of(error).removesuffix(": ").rstrip(".:")
    click.echo(f"error: {shown(what)}. This is a fault of qe itself. {_kept(error)}", err=True)
    return 1


def _kept(error: BaseException) -> str:
    """Write the traceback to a file that only its owner reads, and say where it is."""
    text = writable("".join(traceback.format_exception(error)))
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.txt"
    for folder in (state_dir.state_dir() / "errors", Path(tempfile.gettempdir())):
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / name
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
                opened.write(text)
            return f"The traceback is in {file}."
    return "Its traceback could not be written to any file."
