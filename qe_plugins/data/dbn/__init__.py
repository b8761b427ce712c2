"""Databento's file format (DBN): headers, records, definitions, statistics; and files as a source.

`files` checks that a file is complete, `symbol_map` resolves instrument ids by day, `records` and
`root_bars` read bars, `definitions` and `instruments` turn definitions into contracts, `source`
decodes files into a catalog. Raise `source.FORM` when the decoded content changes. Imports:
Nautilus, `catalog`, `checks`, `symbology` and `market`.
"""
