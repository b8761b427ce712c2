"""Factors: which features predict returns in odd months and again in even months.

`split.py` divides a history, `session_scores.py` makes one number a session and feature of it, and
`significance.py` says what chance alone would have left. These work on plain arrays and may be
changed without reading the engine; `factor_test.py` joins them with a feature store. `book.py` has
what is frozen, `combination.py` makes it, `sizing.py` turns its forecasts into contracts, and
`book_backtest.py`, which alone imports the engine, compares a backtest with them. Imports
`qe_plugins.features`, `market`, `journal`, `config` and NumPy.
"""
