"""Names in a blob store: object keys that are never issued twice, and the names of staged uploads.

A key is `<14 hex digits of microseconds since the epoch>-<20 random hex digits>`: it tells when it was issued, by the
database's clock, so that an object without a row can be judged litter by age (data.md, rule 6). Both kinds of names
are checked here before they may become part of a path.
"""

import re
import secrets

_KEY = re.compile(r"[0-9a-f]{14}-[0-9a-f]{20}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_INSTALLATION = re.compile(r"[!-~]{1,128}")
_MARK = re.compile(r"[a-z]{1,32}")
_LATEST = 1 << 56


def new_key(now_us: int) -> str:
    """Return a fresh key issued at `now_us` (microseconds since the epoch); raises ValueError outside 56 bits."""
    if not 0 <= now_us < _LATEST:
        raise ValueError("time of issue out of range")
    return f"{now_us:014x}-{secrets.token_hex(10)}"


def issued_at(key: str) -> int:
    """Return when `key` was issued, in microseconds since the epoch; raises ValueError if it is no key."""
    return int(check_key(key)[:14], 16)


def check_key(key: str) -> str:
    """Return `key` if it is well formed, else raise ValueError."""
    if not _KEY.fullmatch(key):
        raise ValueError("malformed object key")
    return key


def is_key(text: str) -> bool:
    """Tell whether `text` has the form of an object key."""
    return _KEY.fullmatch(text) is not None


def check_name(name: str) -> str:
    """Return the staged upload's `name` if it is well formed (1 to 128 of A-Z a-z 0-9 _ -), else raise ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError("malformed upload name")
    return name


def is_name(text: str) -> bool:
    """Tell whether `text` has the form of a staged upload's name."""
    return _NAME.fullmatch(text) is not None


def check_mark(name: str, *, to_set: bool = False) -> str:
    """Return the name of a mark if it is well formed, else raise ValueError. The marker itself is not one `to_set`."""
    if not _MARK.fullmatch(name) or (to_set and name == "store"):
        raise ValueError("malformed name of a mark")
    return name


def check_mark_text(text: str) -> str:
    """Return what is to stand in a mark if it may (as the id of an installation), else raise ValueError."""
    if not _INSTALLATION.fullmatch(text):
        raise ValueError("malformed text of a mark")
    return text


def check_installation(installation: str) -> str:
    """Return the id of an installation (1 to 128 printable ASCII characters, no space), else raise ValueError."""
    if not _INSTALLATION.fullmatch(installation):
        raise ValueError("malformed installation id")
    return installation
