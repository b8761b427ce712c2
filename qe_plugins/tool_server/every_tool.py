"""All tools of `qe mcp`, in the order in which a client lists them."""

from __future__ import annotations

from qe_plugins.tool_server import postures, queries, role_tools, scans
from qe_plugins.tool_server.toolset import ServedTool

TOOLS: tuple[ServedTool, ...] = (
    *queries.TOOLS,
    *role_tools.TOOLS,
    *scans.TOOLS,
    *postures.TOOLS,
)
