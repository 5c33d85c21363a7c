"""The order of tags that are versions.

`version_key` maps a tag to an ASCII text; comparing these texts byte by byte, which every database and `sorted` can do,
puts `v1.9` before `v1.10`, `1.2.0-rc1` before `1.2.0`, the moving tag `1.2` behind every `1.2.x`, and whatever is no
version before all versions. Tags that differ only in a leading `v`, in leading zeros or in case have the same key:
whoever sorts ends the order with the tag itself.
"""

from __future__ import annotations

import re
from typing import Final

MAX_KEY: Final = 400
"""No tag of at most 128 characters has a longer key."""

# v? number ( "." number )* rest. A rest that hangs on without a separator (`1.2rc1`) needs a dot in the number, or else
# every abbreviated commit (`7f3c2e1`) would be a version.
_VERSION: Final = re.compile(r"[vV]?([0-9]+(?:\.[0-9]+)+(?![0-9])|[0-9]+(?=[._-]|\Z))(.*)", re.ASCII | re.DOTALL)
_DIGITS: Final = re.compile(r"[0-9]+")

_NO_VERSION: Final = "0"
_A_VERSION: Final = "1"
# A number begins with 1-9 (see `_number`). What ends a list of them sorts behind any number where the version could
# still be told more exactly, so that `1` and `1.2` follow what they stand for; it sorts before where it could not.
_STANDS_FOR_ALL: Final = "~"
_COMPLETE: Final = "!"
_COMPLETE_AT: Final = 3
# Semantic Versioning 2.0.0, 11.3: a pre-release precedes the version itself; what Helm writes `_` for `+` follows it.
_PRE_RELEASE: Final = "-"
_RELEASE: Final = "="
_END_OF_PRE_RELEASE: Final = "!"
_DOT: Final = "$"


def version_key(tag: str) -> str:
    """Return the key by which `tag` sorts, at most `MAX_KEY` ASCII characters for any tag of the specification.

    Versions compare as Semantic Versioning 2.0.0, 11 says, but that digits inside an identifier are a number
    (`rc9` < `rc10`), that there may be any count of numbers, and that `_build` comes behind the bare version.
    """
    match = _VERSION.fullmatch(tag)
    if match is None:
        return _NO_VERSION + _natural(tag)
    numbers = match[1].split(".")
    end = _COMPLETE if len(numbers) >= _COMPLETE_AT else _STANDS_FOR_ALL
    pre_release, _, build = match[2].partition("_")
    parts = [_A_VERSION, *map(_number, numbers), end]
    if pre_release:
        parts += (_PRE_RELEASE, _natural(pre_release.lstrip("-.")), _END_OF_PRE_RELEASE)
    parts += (_RELEASE, _natural(build))
    return "".join(parts)


def _number(digits: str) -> str:
    """Return digits so that texts compare as numbers: the count of digits first, `9` and three more from nine on."""
    significant = digits.lstrip("0") or "0"
    count = len(significant)
    return f"{count}{significant}" if count < 9 else f"9{count:03d}{significant}"


def _natural(text: str) -> str:
    """Return text so that it compares without case, runs of digits as numbers, and `a.b` before `a-b`."""
    return _DIGITS.sub(lambda run: _number(run[0]), text.lower().replace(".", _DOT))
