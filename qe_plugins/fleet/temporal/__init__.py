"""Scans on a Temporal cluster; the only package that imports `temporalio`.

`submit.py` starts or joins a workflow and collects its result, `worker.py` is the worker process,
`workflows.py` and `activities.py` are what runs on it, `payloads.py` what crosses the cluster. A
change of workflows or payloads must still run scans begun before. Imports `fleet/scan`.
"""
