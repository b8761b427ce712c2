"""`qe desk` and `qe mcp`: the desk that runs unattended, and its tools for other programs.

Each module is one command and imports what it needs when called. Nothing imports them.
"""
