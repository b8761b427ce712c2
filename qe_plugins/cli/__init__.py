"""`qe`, the command line: one module per command, imported only when the command is used.

Commands parse options, call the packages below and print; they contain no rules of their own. A
command may be changed without reading elsewhere; its name, options and JSON output stay, since
scripts rely on them. A new command is one module here, a line in `COMMANDS` and one in
`summaries.py`, which `qe --help` prints. Nothing heavy is imported at module level.
"""

from __future__ import annotations

import atexit
import importlib
import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from qe_plugins import stop_signals
from qe_plugins.cli.summaries import SUMMARIES

COMMANDS: dict[str, str] = {
    "backtest": "qe_plugins.cli.backtest:backtest",
    "paper": "qe_plugins.cli.live.paper:paper",
    "live": "qe_plugins.cli.live.live:live",
    "parity": "qe_plugins.cli.live.parity:parity",
    "sweep": "qe_plugins.cli.research.sweep:sweep",
    "walkforward": "qe_plugins.cli.research.walkforward:walkforward",
    "factors": "qe_plugins.cli.research.factors:factors",
    "lookahead": "qe_plugins.cli.research.lookahead:lookahead",
    "ablate": "qe_plugins.cli.research.ablate:ablate",
    "ladder": "qe_plugins.cli.ladder:ladder",
    "check": "qe_plugins.cli.config:check",
    "doctor": "qe_plugins.cli.doctor:doctor",
    "show": "qe_plugins.cli.config:show",
    "schema": "qe_plugins.cli.config:schema",
    "data": "qe_plugins.cli.data:data",
    "features": "qe_plugins.cli.features:features",
    "options": "qe_plugins.cli.options:options",
    "fleet": "qe_plugins.cli.fleet:fleet",
    "worker": "qe_plugins.cli.cluster.worker:worker",
    "desk": "qe_plugins.cli.desk.desk:desk",
    "mcp": "qe_plugins.cli.desk.mcp:mcp",
    "status": "qe_plugins.cli.live.status:status",
    "halt": "qe_plugins.cli.live.halt:halt",
    "resume": "qe_plugins.cli.live.halt:resume",
    "flatten": "qe_plugins.cli.live.flatten:flatten",
    "watch": "qe_plugins.cli.live.watch:watch",
    "runs": "qe_plugins.cli.runs:runs",
    "report": "qe_plugins.cli.runs:report",
    "compare": "qe_plugins.cli.runs:compare",
    "journal": "qe_plugins.cli.journal:journal",
    "plugins": "qe_plugins.cli.plugins:plugins",
    "hooks": "qe_plugins.cli.hooks:hooks",
    "new": "qe_plugins.cli.new:new",
    "init": "qe_plugins.cli.project.init:init",
    "completion": "qe_plugins.cli.project.completion:completion",
    "rehearse": "qe_plugins.cli.live.rehearse:rehearse",
    "observatory": "qe_plugins.cli.live.observatory:observatory",
}


def _allow(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> None:
    from qe_plugins import allowed_hosts

    for host in given:
        allowed_hosts.allow(host)


ALLOW_HOST = click.Option(
    ["--allow-host"],
    multiple=True,
    metavar="HOST",
    expose_value=False,
    callback=_allow,
    help="Allow sending keys to a host other than the vendor's. Repeatable.",
)

TEMPORAL = "temporalio.bridge.runtime"
"""If this module is imported, threads of Temporal's SDK may be running."""


class LazyGroup(click.Group):
    """A command group that imports a command only when it is used.

    `lazy` maps a command's name to `module:attribute`; `keyed` are the commands that send keys to a
    host and therefore have the option `--allow-host`. With `summaries`, a line for each command,
    the group's help imports no command.
    """

    def __init__(
        self,
        *args: Any,
        lazy: dict[str, str] | None = None,
        keyed: Collection[str] = (),
        summaries: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lazy, self._keyed = lazy if lazy is not None else {}, keyed
        self._summaries = summaries

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, _, name = self.lazy[cmd_name].partition(":")
        command: Any = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        if cmd_name in self._keyed and ALLOW_HOST not in command.params:
            command.params.append(ALLOW_HOST)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self._summaries is None:
            super().format_commands(ctx, formatter)
            return
        stubs = [click.Command(name, help=line) for name, line in self._summaries.items()]
        room = formatter.width - 6 - max(map(len, self._summaries))
        with formatter.section("Commands"):
            formatter.write_dl([(str(one.name), one.get_short_help_str(room)) for one in stubs])


def program() -> NoReturn:
    """Run `main`, then end the process: the entry point of `qe`."""
    code: int | str | None = 0
    if sys.argv[1:2] == ["backtest"]:  # before the engine is imported, which takes a second
        stop_signals.watch()
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    stopped = code == stop_signals.STOPPED  # do not wait for threads blocked on a vendor
    large = sys.argv[1:2] == ["fleet"]  # freeing a scan's objects one by one takes a second
    if isinstance(code, int) and (stopped or large or TEMPORAL in sys.modules):
        leave(code)
    sys.exit(code)


def leave(code: int) -> NoReturn:
    """End the process without finalizing the interpreter.

    Threads of Temporal's SDK may still reference Python objects then, which sometimes crashes
    (temporalio/sdk-python#300); the SDK has no way to join them.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Run `qe`. Errors that a user can correct become one line on stderr and exit code 2."""
    from qe_plugins import project
    from qe_plugins.cli.errors import one_line

    try:
        project.enter(Path.cwd())
        cli(standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except (click.Abort, KeyboardInterrupt):
        stop_signals.hold()
        click.echo("interrupted", err=True)
        sys.exit(stop_signals.STOPPED)
    except BaseException as error:  # a panic in Nautilus' Rust code is not an `Exception`
        stop_signals.hold()
        sys.exit(one_line(error))


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    keyed={"worker"},
    summaries=SUMMARIES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="quant-engine", prog_name="qe")
def cli() -> None:
    """Backtest futures strategies with plugins. One YAML file describes a run."""
