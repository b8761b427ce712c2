"""Checks of features: the five invariances, and the parity of what a session recorded.

`invariances.py` has the checks, `lookback.py` says from when on a feature depends on no earlier
bar, `restart.py` compares recorded values. An invariance may be added in `invariances.py` alone.
Imports the features beside it.
"""
