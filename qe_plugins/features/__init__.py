"""Features: 40 families over 8 windows and 4 timeframes, and 11 across timeframes, from bars.

`catalogue.py` has every feature as data, `kernel/` computes them, `series.py` and `feed.py` take
whole data sets, chunks and single bars, `checks/` tests the invariances. A new family of the
package is an entry of the catalogue, a line of the kernel and its definition in the tests; a
formula may be changed with its test. Numba is imported here alone, and only where a feature is
computed. Imports `data`, `market`, `plugins` and `bars`.
"""
