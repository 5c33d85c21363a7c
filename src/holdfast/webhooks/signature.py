"""Signatures of webhooks as Standard Webhooks 1.0.0 has them (github.com/standard-webhooks, spec/standard-webhooks.md).

Promises: what is signed is the id, the time of the attempt and the very bytes of the body, so that none of them can be
changed and an old request cannot be sent again; while a secret is rotated there is one signature for each live secret,
and a receiver that knows either accepts.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from collections.abc import Sequence

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"
PREFIX = "whsec_"

_FRESH = 32
_LEAST = 24
_MOST = 64
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


class SecretInvalid(ValueError):
    """Text that is no secret of a webhook; it says why, and never what was given."""


def new_secret() -> str:
    """A new secret: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(os.urandom(_FRESH)).decode()


def key_of(secret: str) -> bytes:
    """The bytes that sign. Raises `SecretInvalid`."""
    if not secret.startswith(PREFIX):
        raise SecretInvalid(f"a secret begins with {PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SecretInvalid(f"what follows {PREFIX} is not base64") from None
    if not _LEAST <= len(key) <= _MOST:
        raise SecretInvalid(f"a secret has {_LEAST} to {_MOST} bytes behind {PREFIX}, in base64")
    return key


def signed_headers(secrets: Sequence[str], id: str, at: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt. `secrets`: those that are live, the newest first; `id`: the same for every
    attempt, without a dot; `at`: now, in seconds since the epoch. Raises `SecretInvalid`."""
    assert _ID.fullmatch(id), "the id is one of ours"
    signed = b"%s.%d.%s" % (id.encode(), at, body)
    signatures = [base64.b64encode(hmac.digest(key_of(secret), signed, "sha256")).decode() for secret in secrets]
    return {ID: id, TIMESTAMP: str(at), SIGNATURE: " ".join(f"v1,{each}" for each in signatures)}
