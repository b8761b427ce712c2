"""A user's own bars: CSV, Parquet and frames, read by a mapping file into a catalog.

`mapping` describes the columns, `table` reads them and names the row and the column of what is
wrong, `importer` writes the catalog. A new field of the mapping goes into `mapping` and `table`.
Imports: `dbn` for the contracts, `checks`, `catalog`, `market`.
"""
