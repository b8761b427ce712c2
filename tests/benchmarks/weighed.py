"""Weigh `qe`: `weighed.py ARGUMENTS...` runs it in a process of its own and prints JSON.

`megabytes` is the peak of that process, `figures` what it printed. The peak of a new process is
never less than that of the process that starts it, so this one imports nothing large.
"""

import json
import resource
import subprocess
import sys

done = subprocess.run(
    [sys.executable, "-m", "qe_plugins.cli", *sys.argv[1:]], check=True, stdout=subprocess.PIPE
)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps({"megabytes": peak, "figures": json.loads(done.stdout)}))
