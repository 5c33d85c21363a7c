"""Ranges in headers: what a reader asks for, and what an uploader says it sends.

Both parsers look at no more than `MAX_HEADER` characters, so a hostile header costs nothing and never makes more work
than one answer: only a single range is honoured, several are answered whole (RFC 9110, 14.2 allows it).
"""

from __future__ import annotations

import re
from typing import Final

from holdfast.oci.errors import RangeInvalid, excerpt

MAX_HEADER: Final = 128
MAX_POSITION: Final = 2**63 - 1

# ranges-specifier = "bytes" "=" ( first "-" [ last ] | "-" suffix ), one of them (RFC 9110, 14.1.1 and 14.1.2)
_RANGE: Final = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE | re.ASCII)
# "<start>-<end>" (distribution-spec, "Pushing a blob in chunks"), and the forms of RFC 9110, 14.4 that clients send
_CONTENT_RANGE: Final = re.compile(
    r"(?:bytes[= \t][ \t]*)?([0-9]+)-([0-9]+)(?:/(?:([0-9]+)|\*))?", re.IGNORECASE | re.ASCII
)


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the bytes `[start, end)` of `size` that a `Range` header asks for; `None` means all of them.

    `None`, answered 200, also for no header, another unit, several ranges, and whatever is malformed, over-long or
    backwards (RFC 9110, 14.2: a server may ignore it). Nothing at all can be asked of empty content, and clients that
    put `bytes=0-` on every request expect it whole. Raise `RangeInvalid`, answered 416, for one well-formed range that
    begins behind the end or is an empty suffix (RFC 9110, 14.1.2, 15.5.17). Positions behind the end are cut to it.
    """
    if size == 0 or len(header) > MAX_HEADER:
        return None
    match = _RANGE.fullmatch(header)
    if match is None:
        return None
    first, last = match[1], match[2]
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    elif last:
        start, end = max(0, size - int(last)), size
    else:
        return None
    if start >= size:
        raise RangeInvalid(f"The range '{excerpt(header)}' asks for nothing of {size} bytes.", range=header, size=size)
    return start, end


def parse_content_range(text: str) -> tuple[int, int]:
    """Return first and last position, both inclusive, of the chunk that a `Content-Range` header announces.

    The form is `<start>-<end>` (distribution-spec, "Pushing a blob in chunks"); `bytes <start>-<end>/<total>` of RFC
    9110, 14.4 is understood too, as clients send it, with `*` or no total, or with `=`. Raise `RangeInvalid` for
    anything else, for a range that runs backwards, beyond its own total, or beyond 2^63-1.
    """
    match = _CONTENT_RANGE.fullmatch(text) if len(text) <= MAX_HEADER else None
    if match is None:
        raise RangeInvalid(
            f"The Content-Range '{excerpt(text)}' is not of the form <start>-<end>, both inclusive.", range=text
        )
    start, end = int(match[1]), int(match[2])
    if end < start or end > MAX_POSITION or (match[3] is not None and int(match[3]) <= end):
        raise RangeInvalid(
            f"The Content-Range '{excerpt(text)}' runs backwards, beyond its total or beyond 2^63-1.", range=text
        )
    return start, end
