"""`qe mcp`: the desk's tools over the Model Context Protocol."""

from __future__ import annotations

import click

from qe_plugins.cli.output import echo


@click.command()
@click.option(
    "--budget",
    default="0",
    metavar="USD",
    show_default=True,
    help="The most that scans of these tools may cost a UTC day, of all servers together.",
)
@click.option("--list", "only_list", is_flag=True, help="Print the tools and end.")
def mcp(budget: str, only_list: bool) -> None:
    """Serve the desk's tools to a program on standard input and output.

    They read the journal, positions, postures, scans, costs and reports, price scans, run them
    within --budget, and publish postures that tighten. None trades or loosens anything.
    """
    from importlib.util import find_spec

    from qe_plugins.cli.fleet.plan import usd_option
    from qe_plugins.errors import FleetError
    from qe_plugins.tool_server.every_tool import TOOLS
    from qe_plugins.tool_server.toolset import ToolScope

    amount = usd_option(budget, "--budget")
    assert amount is not None
    if only_list:
        for tool in TOOLS:
            echo(f"{tool.name:16} {tool.effect:9} {tool.about}")
        return
    if find_spec("mcp") is None:
        raise FleetError(
            "mcp is not installed.",
            where="qe mcp",
            hint="Run `uv sync --extra mcp`, or install quant-engine[mcp].",
        )
    from qe_plugins.tool_server.stdio import serve

    serve(TOOLS, ToolScope(budget=amount))
