"""What stands between a browser and the pages: keys, sessions, refusals, actions.

`guard.py` decides for every request; nothing else may let one pass. A page may be changed without
reading here. Imports `halt/`, `journal/` and the modules below, no page.
"""
