"""Factors: which features predict returns in odd months and again in even months.

`split.py` divides a history, `session_scores.py` makes one number a session and feature of it, and
`significance.py` says what chance alone would have left. These work on plain arrays and may be
changed without reading the engine; `factor_test.py` joins them with a feature store. Imports
`qe_plugins.features`, `market`, `journal`, `config` and NumPy.
"""
