"""A session: the run's components on a clock, paced, recorded and stopped as a live one is.

`session` runs one from start to report, `stream` on a paced backtest engine. `pacing` says when a
moment of the data is due, `view` what a session shows while it runs, `warm_up` gives components
their history first. A new kind of session is one
module here; the components are those of a backtest and stay unchanged. Imports: `running` and
every package of the engine below it, `journal`, `halt`, `data`, `config`.
"""
