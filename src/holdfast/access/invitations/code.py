"""The code of an invitation: `hfi_` and 32 random letters and digits (190 bits). Its link is a page of the console with
the code behind a `#`, which no browser sends: so it stands in no log on the way."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string

PREFIX = "hfi_"
PAGE = "/invitation"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM, _HINT = 32, 4
_FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_RANDOM}}}\Z")


def new_code() -> str:
    """A fresh code."""
    return PREFIX + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM))


def link(public: str, code: str) -> str:
    """The link that is handed on. `public`: the registry's URL, as clients see it."""
    return f"{public.rstrip('/')}{PAGE}#{code}"


def code_in(text: str) -> str | None:
    """The code in `text`, which is one or the link of one; None: it is neither."""
    found = text.strip().rpartition("#")[2]
    return found if _FORM.match(found) else None


def hint(code: str) -> str:
    """What tells one's invitations apart: the last four characters."""
    return code[-_HINT:]


def keyed_hash(hash_key: bytes, code: str) -> bytes:
    """The hash that the database holds: enough for a code of this strength, and of no use without the key."""
    return hmac.digest(hash_key, code.encode(), hashlib.sha256)
