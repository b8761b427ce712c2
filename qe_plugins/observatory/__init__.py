"""The Observatory: `qe observatory`, the pages that say whether the desk needs a person.

Reads the journal, run folders, the fleet's files and the sessions' heartbeats, so it works while a
node is dead; it can halt and flatten, never resume. A page is one module in `pages/` and one
template in `templates/`: `pages/__init__.py` says how. `server/` has everything about safety.
Starlette, uvicorn and Jinja2 are imported in this package only; above it is only `cli`.
"""
