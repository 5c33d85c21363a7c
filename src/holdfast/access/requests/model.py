"""A request for access as it is shown. Times are microseconds since the epoch, by the database's clock."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple

from holdfast.access.policy.model import Action


class Decision(IntEnum):
    """What became of a request; the number stands in `access_request.state`."""

    OPEN = 0
    APPROVED = 1
    DECLINED = 2
    WITHDRAWN = 3
    EXPIRED = 4


class RequestState(StrEnum):
    """What became of a request, in a word; an open one whose time is over has expired."""

    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class AccessRequest(NamedTuple):
    """One request: `asker` (`user:NAME`) wants to do `action` in `repository` (at `tag`; None: in all of it), which
    may be or not. `decided_at` 0: open; `reason`: of who declined. `grant`: the number of the grant that was made, 0
    none; `given`: its role and scope. `notice`: what who approved should know of it, '' nothing."""

    id: int
    asker: str
    action: Action
    repository: str
    tag: str | None
    note: str
    made_at: int
    expires_at: int
    state: RequestState
    decided_at: int = 0
    decided_by: str = ""
    reason: str = ""
    grant: int = 0
    given: str = ""
    notice: str = ""

    @property
    def scope(self) -> str:
        """What was asked for, as the scope of a grant."""
        return self.repository if self.tag is None else f"{self.repository}:{self.tag}"
