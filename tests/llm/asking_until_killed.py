"""`python asking_until_killed.py URL CALLS FLIGHT`: ask, and print when everything is settled."""

from __future__ import annotations

import hashlib
import sys

import uvloop

from qe_plugins.llm.client.client import ClientSettings
from tests.llm.asks import ask_all, client, request


async def main(url: str, calls: int, flight: int) -> None:
    settings = ClientSettings(concurrency=flight, hedge_share=0.0)
    async with client(url, both=False, settings=settings) as asking:
        settled = await ask_all(asking, [request(n) for n in range(calls)])
        text = "\n".join(str(one.answer) for one in settled)
        print(hashlib.sha256(text.encode()).hexdigest(), asking.stats.replayed)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
