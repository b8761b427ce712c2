"""What a trader reads after a run: the run's folder, its report page and its terminal tables.

`summary` computes the figures of `result.json`, `tearsheet` renders `report.html`, `sweep_page`
`sweep.html`, `run_index` finds runs by name. Labels, captions and pages may be changed without
reading elsewhere; the keys of `result.json` and the columns of the Parquet files are read by other
programs and stay. Imports: `config`, `data`, `journal`, `research` and plain results of the engine.
"""
