"""The fake vendor's HTTPS server on 127.0.0.1: authentication, rate limits, transfer."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.databento_server import certificate
from tests.fakes.databento_server.faults import Fault, Faults
from tests.fakes.databento_server.jobs import Jobs
from tests.fakes.databento_server.ledger import Ledger, Served
from tests.fakes.databento_server.limits import Limits
from tests.fakes.databento_server.vendor import Refused, Reply, Vendor

KEY = "db-0123456789abcdefghijklmnopqrs"


@dataclass
class Gateway:
    """A running vendor. Use it as a context; `url` and `bundle` are what a customer needs."""

    vendor: Vendor
    folder: Path
    key: str = KEY
    ledger: Ledger = field(default_factory=Ledger)
    faults: Faults = field(default_factory=Faults)
    jobs: Jobs = field(default_factory=Jobs)
    limits: Limits = field(default_factory=Limits)

    def __enter__(self) -> Gateway:
        context, self.bundle = certificate.make(self.folder)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for fault in self.faults.waiting:
            if fault.stall:
                fault.stall.release()
        self._server.shutdown()
        self._server.server_close()

    def fault(self, endpoint: str, **what: Any) -> Fault:
        """Put a fault in the way of requests to `endpoint`."""
        return self.faults.add(Fault(endpoint, **what))


def _handler(gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    return type("BoundDesk", (Desk,), {"gateway": gateway})


class Desk(BaseHTTPRequestHandler):
    """Serves one customer."""

    gateway: Gateway
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve({k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._serve({k: v[0] for k, v in parse_qs(body).items()})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base names it
        """Stay quiet: the ledger is the log."""

    def _serve(self, fields: dict[str, str]) -> None:
        self.close_connection = True
        self.endpoint, self.fields = self._endpoint(), fields
        fault = self.gateway.faults.meet(self.endpoint)
        try:
            self._admit(fault)
            reply = self._answer(fault)
        except Refused as refusal:
            headers = {"Retry-After": "1"} if refusal.status == 429 else {}
            self._send(refusal.status, refusal.body, headers)
            self._book(refusal.status)
            return
        if fault and fault.status:
            self._send(fault.status, fault.body, fault.headers)
            self._book(fault.status)
        elif self.endpoint in ("timeseries.get_range", "batch.file"):
            self._stream(reply, fault)
        else:
            self._send(200, reply.body, reply.headers)
            self._book(200, reply.rows, reply.billable)

    def _endpoint(self) -> str:
        path = urlsplit(self.path).path.removeprefix("/v0/")
        return "batch.file" if path.startswith("batch/download/") else path

    def _admit(self, fault: Fault | None) -> None:
        expected = base64.b64encode(f"{self.gateway.key}:".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            raise Refused(401, "auth_authentication_failed", "Authentication failed.")
        if self.gateway.limits.exceeded(self.endpoint):
            raise Refused(429, "rate_limit_exceeded", "Too many requests.")

    def _answer(self, fault: Fault | None) -> Reply:
        gateway, fields = self.gateway, self.fields
        family, _, name = self.endpoint.partition(".")
        if self.endpoint == "timeseries.get_range":
            return self._range(short=bool(fault and fault.short))
        if self.endpoint == "batch.submit_job":
            cut = gateway.vendor.cut(fields)
            file = gateway.vendor.encode(fields, cut, cut.rows)
            document = gateway.jobs.submit(fields, file).details()
            return Reply(json.dumps(document).encode(), {}, len(cut.rows), cut.billable)
        if self.endpoint == "batch.list_files":
            document = gateway.jobs.list_files(fields, self._file_url)
        elif self.endpoint == "batch.file":
            return Reply(gateway.jobs.jobs[self.path.split("/")[4]].file)
        elif family == "batch":
            document = getattr(gateway.jobs, name)(fields)
        else:
            document = getattr(gateway.vendor, name)(fields)
        return Reply(json.dumps(document).encode())

    def _range(self, *, short: bool) -> Reply:
        vendor = self.gateway.vendor
        cut = vendor.cut(self.fields)
        rows = cut.rows[:-1] if short else cut.rows
        body = vendor.encode(self.fields, cut, rows)
        return Reply(body, vendor.warning(cut), len(rows), cut.billable)

    def _file_url(self, job: str, name: str) -> str:
        return f"{self.gateway.url}/v0/batch/download/{job}/{name}"

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, reply: Reply, fault: Fault | None) -> None:
        """Send in chunks; a cut leaves out the end of the last one, as a lost connection would."""
        begin = self._range_start()
        self.send_response(206 if begin else 200)
        for name, value in {"Content-Type": "application/octet-stream", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        end = len(reply.body) * 99 // 100 if fault and fault.trim else None
        whole = self._send_chunks(reply.body[begin:end], fault) and end is None
        self._book(200, reply.rows, reply.billable, whole)

    def _send_chunks(self, body: bytes, fault: Fault | None) -> bool:
        half = len(body) // 2
        try:
            self._chunk(body[:half])
            if fault and fault.cut:
                return False
            if fault and fault.stall:
                fault.stall.hold()
            self._chunk(body[half:])
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            return False
        return True

    def _chunk(self, block: bytes) -> None:
        if block:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
            self.wfile.flush()

    def _range_start(self) -> int:
        wanted = self.headers.get("Range", "bytes=0-").removeprefix("bytes=")
        return int(wanted.partition("-")[0])

    def _book(self, status: int, rows: int = 0, size: int = 0, whole: bool = True) -> None:
        self.gateway.ledger.write(Served(self.endpoint, status, self.fields, rows, size, whole))
