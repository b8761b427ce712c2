"""`qe mcp`: tools for the owner's own autonomous sessions, over the Model Context Protocol.

`toolset.py` says what a tool is; `queries.py` and `role_tools.py` (the tools of the coordinators'
sessions) read, `scans.py` spends within the budget of a day, `postures.py` publishes postures that
tighten. No tool places, sizes, widens, resumes or loosens
anything: a test walks over them. A new tool is a function and an entry of TOOLS in one of these.
`stdio.py` alone imports the `mcp` SDK. Imports fleet, journal, report and mission.
"""
