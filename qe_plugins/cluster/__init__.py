"""Independent jobs, in processes of this machine or on the workers of a Temporal cluster.

`processes.py` runs jobs here, `job_runner.py` on a cluster; both return answers in the same form.
`worker.py` is the process of a worker, `connection.py` the way to the server, `waiting.py` and
`heartbeats.py` what scans of a fleet use as well. `jobs.py` has what crosses the cluster: a change
there must still read jobs that wait on it. Only this package and `fleet/temporal` import
`temporalio`. Imports `config` and `child_processes`.
"""
