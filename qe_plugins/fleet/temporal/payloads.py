"""Records on their way through a server: as JSON, decoded as the type that is expected."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
)

from qe_plugins.fleet.outcome import Outcome
from qe_plugins.fleet.temporal.orders import CaptainOrder, Ended, Order, Told


class RecordConverter(EncodingPayloadConverter):
    """JSON by msgspec, which is strict where the standard library guesses."""

    @property
    def encoding(self) -> str:
        return "json/plain"

    def to_payload(self, value: Any) -> Payload:
        return Payload(
            metadata={"encoding": self.encoding.encode()}, data=msgspec.json.encode(value)
        )

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        return _decoder(Any if type_hint is None else type_hint).decode(payload.data)


class Payloads(CompositePayloadConverter):
    """What the SDK converts, with our JSON in the place of its own."""

    def __init__(self) -> None:
        usual = DefaultPayloadConverter().converters
        super().__init__(
            *(RecordConverter() if name == b"json/plain" else one for name, one in usual.items())
        )


@lru_cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


for _kind in (Order, CaptainOrder, Told, Ended, Outcome):
    _decoder(_kind)  # a workflow's sandbox does not let msgspec look for the types of fields

CONVERTER = DataConverter(payload_converter_class=Payloads)
