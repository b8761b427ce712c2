"""`qe sweep`, `qe lookahead` and `qe factors`: commands that research with many runs or tests.

One module per command. Each imports its part of `qe_plugins.research` when called. A command may be
changed without reading elsewhere; only `cli/__init__.py` names these modules, and it imports a
module when its command is used.
"""
