"""The models of the API: what its requests and answers are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from holdfast.journal.moments import rfc3339

_NAME_LENGTH = 512
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class Input(BaseModel):
    """A request body: nothing but its fields, each of exactly its type (words are `Literal`s or strings, lists are
    lists). Which fields were sent: `model_fields_set`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, str_max_length=65536)


class Output(BaseModel):
    """An answer, made from a service's value by `model_validate(value)` where the names agree."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


def _unescape(text: str) -> str:
    if "\0" in text:
        raise ValueError("a name has no NUL")
    return text.replace("~1", "/").replace("~0", "~")


Segment = Annotated[
    str,
    Path(max_length=_NAME_LENGTH, description="As in a JSON Pointer: `~1` for `/`, `~0` for `~`."),
    AfterValidator(_unescape),
]
"""A name in a path, unescaped."""
Id = Annotated[int, Path(ge=1, lt=1 << 63)]
"""A number in a path."""


_AS_TIME = WithJsonSchema({"type": "string", "format": "date-time"})
Moment = Annotated[int, PlainSerializer(rfc3339, return_type=str), _AS_TIME]
"""A time in an answer: microseconds in the program, RFC 3339 outside."""


def _given(value: Any) -> int:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ValueError("a time is written as in RFC 3339: 2026-12-24T18:00:00Z") from error
    if found.tzinfo is None:
        raise ValueError("a time names its offset: 2026-12-24T18:00:00Z")
    if not _EARLIEST <= found < _LATEST:
        raise ValueError("a time lies between the years 2000 and 9998")
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


GivenMoment = Annotated[int, BeforeValidator(_given), _AS_TIME]
"""A time in a request: RFC 3339 with an offset; microseconds in the program."""
