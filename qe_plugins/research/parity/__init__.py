"""Parity of a session: rerun it as a backtest on what it recorded, and explain each difference.

`check` does it all: `recorded_session` reads the journal, `recorded_bars` makes bars a run's data,
`rerun` runs the backtest, `items` are what is compared, `comparison` finds what differs, `causes`
groups it, `outcome`, `words` and `messages` describe and record it. May be changed freely but for
the JSON document and the fact. Imports: `engine`, `data`, `config`, `halt`, `journal`.
"""
