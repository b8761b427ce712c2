"""What a run records while it runs: facts for the journal, plugin failures, the log.

`recorder` buffers facts until a backtest is over, `session_recorder` commits them as they happen,
through `fact_writer`. `observers` calls plugins that only observe on their own thread,
`plugin_failures` counts exceptions, `run_log` writes the log file. A new fact is a kind in
`journal.facts` and a `Recorder` method; its columns are in `journal.listings`.
Imports: Nautilus, `journal`, `plugins`, `config`, and the engine's contracts and settings.
"""
