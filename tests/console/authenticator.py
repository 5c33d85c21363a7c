"""An authenticator app, which reads the page that sets a second factor up."""

from __future__ import annotations

import base64
import html
import re
import time
from urllib.parse import parse_qs, urlsplit

from tests.browsing import Page

from holdfast.access.signin.totp import code_of, step_at

_SOON = 8_000_000
"""Within these microseconds a code is sent and looked at."""


class App:
    """An authenticator app: it shows codes, each once."""

    def __init__(self, page: Page) -> None:
        uri = html.unescape(re.findall(r"otpauth://[^\"]+", page.text)[0])
        self.secret = base64.b32decode(parse_qs(urlsplit(uri).query)["secret"][0])
        self.last = 0

    def code(self) -> str:
        """A code that was not used: of the half minute before the one that is in some seconds, or of those after it."""
        step = max(step_at(time.time_ns() // 1000 + _SOON) - 1, self.last + 1)
        assert step <= step_at(time.time_ns() // 1000) + 1, "the test spends more codes than a minute has"
        self.last = step
        return code_of(self.secret, step)
