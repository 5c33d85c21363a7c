"""What a job's history says of an error: short, on one line, and without what would open a door.

Promises: at most `LIMIT` characters; no control characters; no user part of a URL, no value of a parameter, header or
field whose name says that it is secret, no JWT, no long run of random-looking characters.
"""

from __future__ import annotations

import re
import traceback
from pathlib import PurePath

LIMIT = 500
_SCAN = 4_000
_FRAMES = 8
_HIDDEN = "***"

_USER_PART = re.compile(r"(?<=://)[^/\s@]*@")
_NAMED = re.compile(
    r"([\w.-]*(?:password|passwd|pwd|secret|token|signature|credential|authorization|api[_-]?key|access[_-]?key|sig)"
    r"[\w.-]*[\"']?\s*[=:]\s*)(?:(?:basic|bearer)\s+)?(\"[^\"]*\"|'[^']*'|[^\s&,;\"']+)",
    re.IGNORECASE,
)
_CREDENTIAL = re.compile(r"\b(basic|bearer)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+\.?[\w-]*")
_RANDOM = re.compile(r"(?<![\w:/+-])(?!sha\d+:)[A-Za-z0-9+/_-]{40,}={0,2}(?![\w+/-])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def describe(error: BaseException) -> str:
    """The kind of `error` and what it says."""
    said = clean(str(error))
    name = type(error).__name__
    return f"{name}: {said}"[:LIMIT] if said else name


def stack(error: BaseException) -> str:
    """Where `error` was raised, innermost last: files, lines and functions, and no values."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return " > ".join(f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)


def clean(text: str) -> str:
    """`text` as it may be kept and shown."""
    if len(text) > _SCAN:
        text = text[:_SCAN].rpartition(" ")[0]  # half of a secret would not be known as one
    text = _CONTROL.sub(" ", text)
    text = _USER_PART.sub(_HIDDEN + "@", text)
    text = _NAMED.sub(rf"\1{_HIDDEN}", text)
    text = _CREDENTIAL.sub(rf"\1 {_HIDDEN}", text)
    text = _JWT.sub(_HIDDEN, text)
    text = _RANDOM.sub(_HIDDEN, text)
    return text.strip()[:LIMIT]
