"""Updates that nobody else's are lost by: an answer carries its version, an update names the version that it is of.

The version of a thing is its `changed`, the policy version at which it last changed (or whatever number its service
raises with every change). A handler sets it on the answer by `mark`, takes `Expected`, and hands `expected` to the
service, which compares inside its unit and raises `Changed`. Without `If-Match` an update is made unseen.
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header, Response

from holdfast.access.errors import Invalid

_TAG = re.compile(r'"([0-9]{1,18})"\Z')


def mark(response: Response, version: int) -> None:
    """Put the version of what is answered on the answer."""
    response.headers["etag"] = f'"{version}"'


async def _expected(
    if_match: Annotated[
        str | None, Header(max_length=64, description="The `ETag` of what is changed: 412 when it is another by now.")
    ] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = _TAG.match(if_match.strip())
    if found is None:
        raise Invalid("If-Match", "this is no ETag of this API: give the one that GET answered, with its quotes")
    return int(found[1])


Expected = Annotated[int | None, Depends(_expected)]
"""The annotation by which a handler gets the version that the caller wants to change, None: whichever it is."""
