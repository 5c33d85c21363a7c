"""What a page says of what the one before it did: carried by a cookie that only we can have made, and shown once."""

from __future__ import annotations

import base64
import binascii
import json

from holdfast.access.signin.sealing import NotSealed, Seal
from holdfast.web.visit import Toast

COOKIE = "toast"
SECONDS = 60
_LONGEST = 300
_PURPOSE = "toast"


class Toasts:
    """Writes and reads them."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def write(self, toast: Toast) -> str:
        """The value of the cookie."""
        sealed = self._seal.seal(_PURPOSE, json.dumps([toast.text[:_LONGEST], toast.undo]).encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def read(self, value: str) -> Toast | None:
        """What a cookie says; None for what we did not write."""
        if not value:
            return None
        try:
            data = self._seal.open(_PURPOSE, base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
        except (NotSealed, binascii.Error, ValueError):
            return None
        return Toast(*json.loads(data))
