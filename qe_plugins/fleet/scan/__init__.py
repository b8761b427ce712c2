"""One scan of the tree: begin, run, resume, replay, store and estimate.

`lifecycle.py` is the entry point, `runner.py` runs the nodes, `decisions.py` has the rules of a
parent, which `fleet/temporal` uses as well. `store.py` owns the files of a scan's folder: a change
of a record there must still read old scans. Imports `fleet/prompts`, `fleet/messaging` and `llm`.
"""
