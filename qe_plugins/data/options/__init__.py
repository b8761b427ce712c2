"""Option chains: quotes of listed options and prices of their futures, day by day, on disk.

`frames.py` has the columns, `lean.py` and `databento.py` read files into them, `store.py` keeps
days as Parquet under `QE_HOME` and reads what was known at a moment, `series.py` has stored days as
the data of a run, and `generated.py` makes some. Another source of quotes is a module beside
`lean.py` and a line in `store.py`. Imports: `data/catalog`, `data/dbn`, `market`.
"""
