"""Scans on a Temporal cluster, which `cluster/` connects to.

`submit.py` starts or joins a workflow and collects its result, `workflows.py` and `activities.py`
are what runs on a worker, by `worker.py`, `payloads.py` is what crosses the cluster. A change of
workflows or payloads must still run scans begun before. Imports `fleet/scan`.
"""
