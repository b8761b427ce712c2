"""From bars to signals: call the hunters, have the arbiter resolve their votes, publish.

`pipeline` is the actor that receives every bar first, `session_events` calls the hooks of session
open and close, `history` gives plugins the closed bars. When a hook is called may be changed here
alone; the hooks themselves are in `plugins/hookspecs.py`. Imports: Nautilus, `plugins`, `journal`,
and the engine's accounting.
"""
