"""Our book compared with the broker's: pure state, without clock, socket or engine.

`truth.py` is given both books at a moment and returns actions: protect, cancel, alarm, halt. It
uses `comparison.py` (verdicts), `protection.py` (one live stop a position) and `degraded.py`;
`staleness.py` watches market data. A new verdict is one module here, a new action is in
`actions.py`; `engine/supervision/` carries actions out. Imports `ib_client`'s records; no Nautilus.
"""
