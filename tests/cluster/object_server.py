"""An S3 server of one's own on loopback, with one bucket."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import requests

from tests.fleet.temporal.cluster import free_port, wait_for

BUCKET = "s3://desk"


class ObjectServer:
    """`moto` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.url, port = "", free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with (folder / "objects").open("w") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ)

    @property
    def variables(self) -> dict[str, str]:
        """Return what leads every S3 client to it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test-key",
            "AWS_SECRET_ACCESS_KEY": "test-secret",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def make_bucket(self) -> None:
        """Wait until it answers, and make the bucket."""
        wait_for(self._made, "the S3 server does not start")

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def _made(self) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return requests.put(f"{self.url}/{BUCKET.removeprefix('s3://')}", timeout=60).ok
        return False
