"""`qe paper`, `qe halt`, `qe status` and the like: commands on sessions and on what guards them.

One module per command; `session_screen.py` prints the moments of a session. Each imports its part
of the packages below when called. A command may be changed without reading elsewhere; only
`cli/__init__.py` names these modules, and it imports a module when its command is used.
"""
