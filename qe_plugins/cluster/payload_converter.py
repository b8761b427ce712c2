"""Inputs and outputs of workflows and activities as JSON, by msgspec, which checks their types."""

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


class RecordConverter(EncodingPayloadConverter):
    """JSON by msgspec, which validates types strictly."""

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
    """The SDK's converters, with msgspec's JSON in place of its own."""

    def __init__(self) -> None:
        converters = DefaultPayloadConverter().converters
        super().__init__(
            *(
                RecordConverter() if name == b"json/plain" else one
                for name, one in converters.items()
            )
        )


def prepare_types(*kinds: type) -> None:
    """Resolve the fields of payloads: in a workflow's sandbox msgspec cannot."""
    for kind in kinds:
        _decoder(kind)


@lru_cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


CONVERTER = DataConverter(payload_converter_class=Payloads)
