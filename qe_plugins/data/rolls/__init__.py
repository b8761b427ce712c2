"""Roll calendars and continuous series, computed from Databento files.

`activity` sums volume, open interest and closes by session, `calendars` computes and stores roll
calendars, `continuous` splices series. The roll rules themselves are in `market.roll_calendar`.
Imports: `dbn` and `market`.
"""
