"""Our book compared with the broker's: pure state, without clock, socket or engine.

`truth.py` is given both books at a moment and answers actions: go on, protect, cancel, tell, halt.
It uses `comparison.py` (verdicts), `protection.py` (one live stop a position), `look.py` (a
rejection is checked twice), `degraded.py` and `staleness.py`. A new verdict or action is one module
here; `engine/live/` carries actions out. Imports `ib_client`'s records; no Nautilus.
"""
