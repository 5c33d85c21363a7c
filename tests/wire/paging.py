"""Pages and the links between them (RFC 8288, as the distribution specification uses it)."""

from __future__ import annotations

import re

from tests.wire.client import Answer

_NEXT = re.compile(r'<(/v2/[^>]+)>; rel="next"')


def following(answer: Answer) -> str | None:
    """Give the target of the next page, None when there is none."""
    link = answer.header("link")
    if link is None:
        return None
    match = _NEXT.fullmatch(link)
    assert match is not None, link
    return match[1]
