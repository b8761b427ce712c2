"""The halt latch: a file that stops new risk and model calls, and what sets it by itself.

`latch.py` is the file, `triggers.py` the conditions, `monitor.py` what a session calls, `status.py`
what a session writes for `qe status`. A new condition is a class in `triggers.py`. The latch holds
without the journal, so it comes first. Imports journal and the modules below; no Nautilus.
"""
