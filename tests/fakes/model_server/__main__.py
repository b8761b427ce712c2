"""`python -m tests.fakes.model_server BILL PROFILE`: print the base URL and serve until killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import uvloop

from tests.fakes.model_server.profile import Profile
from tests.fakes.model_server.server import serving


async def serve(bill: Path, profile: Profile) -> None:
    async with serving(bill, profile) as (url, _):
        print(url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Profile)))
