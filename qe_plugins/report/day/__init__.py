"""The morning page: what a session day was, from the journal's facts, in one minute's reading.

`morning.py` reads the facts into a record of `records.py`, which is what `--json` prints. `page.py`
writes it as one HTML file, the same bytes on the disk and at the Observatory's `/report/DAY`. A
part of the page is a field of `records.DayReport` and a block of `templates/day.html`. Imports
journal, ledger, market and mission.
"""
