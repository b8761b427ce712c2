"""`qe fleet bus`: print the messages of coordinators, or relay them to NATS."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click
import msgspec

from qe_plugins.cli.output import json_option

if TYPE_CHECKING:
    from qe_plugins.fleet.messaging.outbox import Message

POLL_INTERVAL = 0.5
"""Seconds between two reads of the outbox with `--follow`."""


@click.command()
@click.option("--scan", help="Only this scan: last, its id, or a part of it.")
@click.option("--follow", is_flag=True, help="Keep printing new messages until interrupted.")
@click.option(
    "--to",
    metavar="URL",
    help="Send new messages to JetStream on a NATS server, such as nats://127.0.0.1:4222.",
)
@json_option
def bus(scan: str | None, follow: bool, to: str | None, as_json: bool) -> None:
    """Print the messages of coordinators in order.

    With --json, one JSON document per line.
    """
    from qe_plugins.fleet.messaging.outbox import BATCH, Outbox
    from qe_plugins.fleet.scan import store

    if to:
        _relay(to, scan, follow=follow, as_json=as_json)
        return
    only, after = store.find(scan)[0] if scan else None, 0
    with Outbox() as opened:
        while True:
            found = opened.read(after, only, BATCH)
            for message in found:
                click.echo(_message_json(message) if as_json else _message_line(message))
                after = message.cursor
            if len(found) == BATCH:
                continue
            if not follow:
                return
            time.sleep(POLL_INTERVAL)


def _relay(url: str, scan: str | None, *, follow: bool, as_json: bool) -> None:
    from importlib.util import find_spec

    from qe_plugins.errors import FleetError

    if scan is not None:
        hint = "A stream has every message; its readers select."
        raise FleetError("cannot be given with --to.", where="--scan", hint=hint)
    if find_spec("nats") is None:
        hint = "Run `uv sync --extra nats`, or install quant-engine[nats]."
        raise FleetError("nats-py is not installed.", where="--to", hint=hint)
    from qe_plugins.fleet.messaging.jetstream import relay

    def on_sent(message: Message) -> None:
        click.echo(_message_json(message) if as_json else _message_line(message))

    relay(url, follow=follow, on_sent=on_sent)


def _message_json(message: Message) -> str:
    return msgspec.json.encode(message).decode()


def _message_line(message: Message) -> str:
    body = message.body
    return (
        f"{message.cursor:>5}  {message.scan}  {message.role:9}  {message.kind:9}  "
        f"{body.score:+.3f}  {body.coverage:.0%}  {_content(message)}{body.reason}"
    )


def _content(message: Message) -> str:
    """Return a message's content: the posture, the strongest target, or the missing answers."""
    body = msgspec.to_builtins(message.body)
    if "risk" in body:
        return "HALT  " if body["halt"] else f"risk {body['risk']:.0%}  "
    if body.get("targets"):
        strongest = body["targets"][0]
        return f"{strongest['target']} {strongest['score']:+.3f}  "
    if body.get("missing"):
        return "lacks " + ", ".join(f"{n:,} {why}" for why, n in body["missing"].items()) + "  "
    return ""
