"""`qe rehearse`: the simulated TWS at a terminal."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from qe_plugins.testing.tws import RemoteTws

QE = (sys.executable, "-m", "qe_plugins.cli", "rehearse", "--port", "0", "--control-port", "0")


@contextmanager
def rehearsal(*options: str):
    """Run the command; give its lines until the last one before it waits, and end it by Ctrl-C."""
    process = subprocess.Popen([*QE, *options], stdout=subprocess.PIPE, text=True)
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if "Ctrl-C" in line:
            break
    try:
        yield lines
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def control_port(lines: list[str]) -> int:
    line = next(one for one in lines if "control port" in one)
    return int(line.split(":")[0].split()[-1])


def test_it_says_what_to_connect_to_and_obeys_its_control_port():
    with rehearsal("--account", "DU7", "--price", "5000") as lines:
        assert lines[0].startswith("simulated TWS on 127.0.0.1:")
        assert "account DU7" in lines[0]
        remote = RemoteTws(control_port(lines))
        symbol = next(one for one in remote.control.contracts() if one.startswith("MES"))
        remote.control.manual_order("BUY", symbol=symbol)
        assert remote.control.net(symbol) == 1
        with pytest.raises(ValueError, match="unknown command 'explode'"):
            remote.call("explode")
        remote.close()


@pytest.mark.skipif(shutil.which("faketime") is None, reason="needs Debian's faketime")
def test_a_command_runs_beside_it_on_the_same_fast_clock():
    script = "import time; began = time.time(); time.sleep(60); print('slept', time.time() - began)"
    began = time.monotonic()

    done = subprocess.run(
        [*QE, "--speed", "60", "--at", "2026-12-01 14:00", "--", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )

    assert "clock: @2026-12-01 14:00:00 x60 UTC" in done.stdout
    assert "it is 2026-12-01 1" in done.stdout  # a minute later after each second of its start
    assert float(done.stdout.split("slept ")[1].split()[0]) >= 59
    assert time.monotonic() - began < 50


@pytest.mark.skipif(shutil.which("faketime") is None, reason="needs Debian's faketime")
def test_what_a_killed_faketime_left_under_the_same_process_id_is_no_obstacle():
    script = 'touch /dev/shm/sem.faketime_sem_$$ && exec "$@" --at "2026-12-01 14:00" -- true'

    done = subprocess.run(
        ["sh", "-c", script, "sh", *QE], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "clock: @2026-12-01 14:00:00 x1 UTC" in done.stdout


def test_a_time_that_is_none_is_refused_in_one_line():
    done = subprocess.run([*QE, "--at", "noon"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert "--at must be like '2026-12-01 14:00', was 'noon'" in done.stderr
