"""The most memory a process has held.

`ru_maxrss` will not do: it is never less than that of the process which started this one.
"""

from __future__ import annotations

from pathlib import Path


def peak() -> int:
    """Return the most memory this process has held, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    [kibibytes] = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kibibytes) * 1024
