"""What a run records while it runs: facts for the journal, plugin failures, the log.

`recorder` buffers facts, fills and trades, `observers` calls plugins that only observe on their own
thread, `plugin_failures` counts exceptions of plugins, `run_log` writes the log file. A new fact is
a kind in `journal.facts` and one `Recorder` method here; its columns are in `journal.listings`.
Imports: Nautilus, `journal`, `plugins`, `config`, and the engine's contracts and settings.
"""
