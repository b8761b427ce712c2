"""A session: the run's components on a clock, paced, recorded and stopped as a live one is.

`session` runs one from start to report: `node` on a live node, `stream` on a paced backtest engine.
`session_journal` commits its facts and continues one that died, `heartbeat` writes its status and
checks the halt, `warm_up` gives components their history first. A new venue is one module here; the
components are those of a backtest. Imports: `running` and every package of the engine below it,
`journal`, `halt`, `data`, `config`.
"""
