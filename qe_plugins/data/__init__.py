"""Where the records of a run come from; nothing here runs a strategy.

Every source (`dbn`: Databento files, `catalog`: a Parquet catalog, `synthetic`: generated bars)
ends as a Parquet catalog, which `tape` checks and streams in chunks. `databento` downloads files,
`symbology` parses symbols, `rolls` computes roll calendars, `checks` has the checks of data,
`truncation` and `truncated_tape` cut data at a moment. Imports: `market`, `config`, Nautilus.
"""
