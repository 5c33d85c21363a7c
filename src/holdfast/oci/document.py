"""Strict JSON: the one way to read a document that came from a client.

JSON as usually read leaves room for two readers to see two documents in the same bytes (RFC 8259, 4, 8.2, 9), and for
a few bytes to cost much. `decode` closes both: what it returns is one object that every conforming reader reads alike,
of bounded depth and size. It raises `ManifestInvalid` for all else, never `RecursionError`, in time and memory linear
in the input (rules "Content" 2, CVE-2021-41190).
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

from holdfast.oci.errors import ManifestInvalid, excerpt

MAX_DEPTH: Final = 32
"""Objects and lists inside each other, the outermost included."""

MAX_VALUES: Final = 250_000
"""Values in one document: 10,000 descriptors with their platforms and annotations have room."""

# Up to this many bytes there cannot be too many values, and counting brackets is check enough.
_SMALL: Final = 64 * 1024
_AS_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKET: Final = bytes(set(range(256)) - set(b"[]{}"))
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def decode(data: bytes) -> dict[str, Any]:
    """Return the JSON object in `data`; raise `ManifestInvalid` when it is not exactly one (RFC 8259).

    Refused: anything but UTF-8 (a byte order mark too), more than one value, a value that is no object, a key twice in
    one object, `NaN`, `Infinity` and numbers that are infinite in a double, half of a surrogate pair, more than
    `MAX_DEPTH` levels or `MAX_VALUES` values.
    """
    _check_shape(data)
    try:
        document = _DECODER.decode(data.decode("utf-8"))
    except ManifestInvalid:
        raise
    except UnicodeDecodeError as error:
        raise ManifestInvalid(f"The manifest is not UTF-8 text at byte {error.start}.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ManifestInvalid(f"The manifest is not valid JSON: {error.msg} ({where}).") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        # The only other refusal of the standard library's reader: sys.set_int_max_str_digits.
        raise ManifestInvalid("The manifest holds a number with too many digits.") from None
    if type(document) is not dict:
        raise ManifestInvalid("The manifest is not a JSON object.")
    if _SURROGATE.search(data) is not None:
        _check_surrogates(document)
    return document


def _check_shape(data: bytes) -> None:
    """Refuse what is too deep or too much before anything is built from it.

    Looks only at the characters outside strings, by a few passes in C. Of valid JSON it sees the exact shape; of
    anything else it may see too little, and then the decoder, which stops at the first fault, has the last word.
    """
    if len(data) <= _SMALL and data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    if bare.count(b'"') > 4 * MAX_VALUES:  # each value is a string at most, under a key at most: two quotes each
        raise _too_much()
    outside = b"".join(bare.split(b'"')[::2])
    if outside.count(b",") + outside.count(b"{") + outside.count(b"[") > MAX_VALUES:
        raise _too_much()
    brackets = outside.translate(_AS_SQUARE, _NO_BRACKET)
    for _ in range(MAX_DEPTH):  # each pass takes the innermost level away
        brackets = brackets.replace(b"[]", b"")
    if b"[]" in brackets:
        raise _too_deep()


def _check_surrogates(document: dict[str, Any]) -> None:
    """Refuse text that no database and no other reader can hold (RFC 8259, 8.2)."""
    try:
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise ManifestInvalid("The manifest holds half of a surrogate pair, which is no character.") from None


def refuse_lookalikes(found: Iterable[str], meant: Mapping[str, str], where: str) -> None:
    """Refuse a key that is another spelling of a known one; `meant` maps `casefold()` of each known key to it.

    Readers in Go take `Layers` for `layers`, whichever comes last: the same bytes would be two documents. `where` is
    the JSON path of the object with a final dot, or empty for the document itself.
    """
    for key in found:
        known = meant.get(key.casefold(), key)
        if known != key:
            raise ManifestInvalid(f"The field '{where}{excerpt(key)}' must be spelled '{known}'.", field=key)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ManifestInvalid(f"The manifest has the key '{excerpt(twice)}' twice in one object.", field=twice)
    return found


def _constant(name: str) -> NoReturn:
    raise ManifestInvalid(f"The manifest holds {name}, which is not JSON.")


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ManifestInvalid("The manifest holds a number that is too large.")
    return number


def _too_deep() -> ManifestInvalid:
    return ManifestInvalid(f"The manifest is nested deeper than {MAX_DEPTH} levels.")


def _too_much() -> ManifestInvalid:
    return ManifestInvalid(f"The manifest holds more than {MAX_VALUES} values.")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
