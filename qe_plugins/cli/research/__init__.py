"""`qe sweep` and `qe lookahead`: commands that run one configuration many times.

One module per command. Each imports its part of `qe_plugins.research` when called. A command may be
changed without reading elsewhere; only `cli/__init__.py` names these modules, and it imports a
module when its command is used.
"""
