"""Requests to other hosts as values, and what they need to know."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from holdfast.remote.errors import BadAnswer

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host name and a port to every address of it. Raises OSError."""


class Barred(OSError):
    """An address that may not be connected to; the text says why."""


class Asked(NamedTuple):
    """One request. `form` is sent as application/x-www-form-urlencoded instead of `body`; `limit`: bytes of the
    answer's body; `seconds`: until all of it is here; `whole`: whether an answer that is longer, compressed or a
    redirect is none; else so many bytes of it are given as they are."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    form: Mapping[str, str] | None
    limit: int
    seconds: float
    whole: bool = True


class Answer(NamedTuple):
    """What came back. Header names are in lower case; of one that came twice, the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises `BadAnswer`."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise BadAnswer("the answer is no JSON") from error
