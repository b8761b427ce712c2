"""Checks of data: prices and times of records, gaps in sessions, contract terms.

`prices` has the rules for one contract's bars, `source_checks` applies them to sources before a
run, `completeness` and `session_coverage` compare data with the exchange's sessions. A new rule
for prices goes into `prices`. Imports: `catalog` and `market`.
"""
