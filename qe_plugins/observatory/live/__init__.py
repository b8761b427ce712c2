"""What changes by itself: the state strip, and the stream that sends it and other parts of pages.

`strip.py` turns halt and heartbeats into one sentence, `feeds.py` has the parts of pages that a
stream may carry, `poller.py` looks for changes while a page is open, `stream.py` sends them. A new
feed is declared by a page (`pages/__init__.py`). Imports `halt/` and the journal.
"""
