"""Typed, read-only tools of a coordinator: what it may look at, ask for, and nothing it may change.

A tool has a name, a description, a type for its arguments and a handler of a ToolContext; sessions
and the MCP server use the same ones. A tool may change without reading elsewhere; a new one is one
entry in `fleet/tools/catalogue.py`. No tool can place, size, widen or resume anything, and none
shows an absolute price. Imports the fleet's tasks, masking and messaging, and the journal.
"""

from qe_plugins.fleet.tools.catalogue import TOOLS, tools_of
from qe_plugins.fleet.tools.context import ToolContext
from qe_plugins.fleet.tools.tool import Tool, called

__all__ = ["TOOLS", "Tool", "ToolContext", "called", "tools_of"]
