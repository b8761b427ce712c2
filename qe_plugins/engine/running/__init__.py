"""From a loaded configuration to a finished run: prepare, build, stream, collect.

`prepare` checks everything before an engine exists, `build` adds the hosted components to it,
`backtest` streams the data chunk by chunk, and `context` holds what the parts of one run share.
Only `backtest` knows the coming chunk. What `qe check` prints is in `describe`. Imports: every
other package of the engine, `data`, `market`, `config`, `plugins`.
"""
