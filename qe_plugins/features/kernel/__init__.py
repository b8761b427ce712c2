"""Compiled code: running sums in whole numbers, and the families' formulas over them.

`loop.py` computes the features of a bar, `prefix.py` the running sums, `motion.py`, `energy.py`,
`memory.py`, `disorder.py` and `friction.py` hold the formulas by group. A formula may be changed
with its definition in the tests and its entry of the catalogue. Imports Numba, and nothing else of
the package.
"""
