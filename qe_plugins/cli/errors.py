"""Print the error of a failed command: always one line."""

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
"""Maximum length of a path in an error."""


def one_line(error: BaseException) -> int:
    """Print an error on standard error and return the exit code.

    The code is 2 for errors that a user can correct. Any other error is a bug: 1, with the
    traceback in a file. Re-raises SystemExit.
    """
    match error:
        case SystemExit():
            raise error
        case click.ClickException():
            error.show()
            return error.exit_code
        case BrokenPipeError():
            # `qe runs | head`: the reader of standard output has closed it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        case QeError():
            if details := getattr(error, "details", None):
                click.echo(shown(details, lines=True), err=True)
            click.echo(f"error: {with_uv(shown(in_words(error)))}", err=True)
            return error.exit_code
        case OSError(filename=str() | Path(), strerror=str()):
            message = f"{str(error.filename)[:SHOWN]}: {error.strerror}"
            hint = "Check the folder's permissions and the space on its disk, or set QE_HOME."
            click.echo(f"error: {shown(in_words(message))}. {hint}", err=True)
            return QeError.exit_code
    summary = one_line_of(error).removesuffix(": ").rstrip(".:")
    click.echo(f"error: {shown(summary)}. This is a bug in qe. {_write_traceback(error)}", err=True)
    return 1


def _write_traceback(error: BaseException) -> str:
    """Write the traceback to a file readable by its owner only; return a sentence with its path."""
    text = writable("".join(traceback.format_exception(error)))
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.txt"
    for folder in (state_dir.state_dir() / "errors", Path(tempfile.gettempdir())):
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / name
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
                opened.write(text)
            return f"The traceback is in {file}."
    return "The traceback could not be written to a file."
