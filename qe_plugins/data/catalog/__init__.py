"""Nautilus' Parquet catalog: open, index, select, read as columns, write.

`catalog` lists contracts and series, `selection` picks those of a run, `reader` returns chunks of
records, `writer` writes series in Nautilus' layout, `settlements` stores final settlement prices
beside a catalog. The layout on disk is Nautilus' and may not change. Imports: `config`, `market`.
"""
