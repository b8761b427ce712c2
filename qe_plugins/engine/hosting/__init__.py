"""Derive the class that runs in place of an author's strategy, actor or execution algorithm.

`host` derives it: its orders pass the rules and the gate of `risk`, `exceptions` records what its
callbacks raise and stops the run, and `dispatch` delivers events in configuration order. How a
callback is wrapped may be changed here alone. Imports: Nautilus and the engine's risk, simulation,
recording and contracts; `running.context` for types only.
"""
