"""A row of the wire tables: one request, and all that its answer must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.distribution.router import Endpoint

ABSENT = None
"""What a row expects of a header that must not be there."""


@dataclass(frozen=True, slots=True)
class Row:
    """`target` and the values of `sent` and `headers` may hold the names that `seed.Stage` fills in: `{fresh}` (a
    seeded repository of the row's own), `{empty}` (one without content), `{session}` and `{begun}` (upload sessions
    of `{empty}`, the second with 10 bytes).

    `content`: the very bytes of the answer's body. `json`: what its body decodes to. A header of `ABSENT` is not there.
    """

    endpoint: Endpoint
    method: str
    target: str
    status: int
    code: str = ""
    sent: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    content: bytes | None = None
    json: object = None

    @property
    def title(self) -> str:
        """Give what the test of this row is called."""
        sent = ",".join(f"{name}={value}" for name, value in self.sent.items())
        return f"{self.endpoint} {self.method} {self.target} {sent} {self.status}".replace("/", "|")[:150]
