"""Sections of the configuration that need Nautilus or the markets to be read.

`entries` reads `strategies`, `actors` and `exec_algorithms`; `nautilus_config` turns `nautilus:`
and `logging:` into Nautilus' own objects. A setting of quant-engine itself belongs in
`config.schema`. Imports: Nautilus, `config`, `market`.
"""
