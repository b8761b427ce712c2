"""A certificate for 127.0.0.1 from a temporary authority."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


def make(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server context, and the authority's file for `REQUESTS_CA_BUNDLE`."""
    authority = trustme.CA()
    bundle = folder / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context, bundle
