"""One request to a target, and what came of it.

Promises: the id of a delivery is the same in every attempt; what is kept of a request and its answer holds no secret
and is bounded; a redirect is a failure and is not followed; whatever a target does, it ends within the time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from holdfast import __version__
from holdfast.remote.errors import Unreachable, UrlRefused
from holdfast.remote.model import Answer
from holdfast.remote.outbound import Outbound
from holdfast.webhooks.model import ANSWER_BYTES, DAY, SECOND
from holdfast.webhooks.receivers import Receiver, Registry
from holdfast.webhooks.shapes.model import Payload
from holdfast.webhooks.signature import ID, SIGNATURE, TIMESTAMP, signed_headers

_KEPT_HEADERS = 2048
_KEPT_VALUE = 256
_HIDDEN = "..."
_SECRET_ANSWERS = frozenset({"set-cookie", "www-authenticate", "proxy-authenticate", "authorization"})
_AGENT = f"Holdfast-Webhooks/{__version__}"


class Sent(NamedTuple):
    """An attempt. `at`: microseconds; `status` None: there was no answer; `error` '': the target took it. `request`,
    `answer`: headers, as JSON; `body`: the first of the answer. `wait`: microseconds that the target asks for."""

    at: int
    ms: int
    status: int | None
    error: str
    request: str
    answer: str
    body: str
    wait: int = 0

    @property
    def taken(self) -> bool:
        """Whether the target took it."""
        return not self.error

    @property
    def gone(self) -> bool:
        """Whether the target wants nothing any more."""
        return self.status == 410


def message_id(registry: Registry, webhook: int, pos: int, part: int) -> str:
    """The id of what is sent, which is the same in every attempt: by it a receiver knows what it has had."""
    return f"{registry.installation}-{webhook}-{pos}" + (f"-{part}" if part else "")


async def send(targets: Outbound, receiver: Receiver, payload: Payload, *, id: str, now: int, seconds: float) -> Sent:
    """Send one body. `now`: the database's clock."""
    headers, kept = _headers(receiver, payload, id, now)
    began = time.monotonic()
    answer: Answer | None = None
    try:
        answer = await targets.post(
            receiver.secrets.url, headers=headers, body=payload.body, limit=ANSWER_BYTES, seconds=seconds
        )
        error = _refused(answer)
    except (Unreachable, UrlRefused) as failure:
        error = str(failure) or "no answer"
    ms = round((time.monotonic() - began) * 1000)
    if answer is None:
        return Sent(now, ms, None, error[:512], kept, "{}", "")
    wait = _asked_wait(answer, now) if error else 0
    text = answer.body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return Sent(now, ms, answer.status, error, kept, _shown_answer(answer.headers), text, wait)


def _headers(receiver: Receiver, payload: Payload, id: str, now: int) -> tuple[dict[str, str], str]:
    """What is sent, and what is kept of it."""
    at = now // SECOND
    secrets = receiver.live(now)
    signed = signed_headers(secrets, id, at, payload.body) if secrets else {ID: id, TIMESTAMP: str(at)}
    plain = {"user-agent": _AGENT, **payload.headers, "content-type": payload.content_type}
    own = receiver.headers()
    shown = {**plain, **signed, **dict.fromkeys(own, _HIDDEN)}
    if SIGNATURE in shown:
        shown[SIGNATURE] = _HIDDEN
    return {**own, **plain, **signed}, json.dumps(shown)


def _refused(answer: Answer) -> str:
    """Why an answer is no success, '' where it is one."""
    if 200 <= answer.status < 300:
        return ""
    if 300 <= answer.status < 400:
        return f"the answer is a redirect ({answer.status}), which is not followed"
    return f"the answer has status {answer.status}"


def _asked_wait(answer: Answer, now: int) -> int:
    """The microseconds that `Retry-After` asks for, at most a day (RFC 9110, 10.2.3)."""
    said = answer.headers.get("retry-after", "").strip()
    if said.isdecimal() and len(said) < 10:
        return min(int(said) * SECOND, DAY)
    try:
        moment = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError):
        return 0
    if moment.tzinfo is None:
        return 0
    wait = (moment - datetime.fromtimestamp(now / SECOND, UTC)).total_seconds()
    return max(0, min(round(wait * SECOND), DAY))


def _shown_answer(headers: Mapping[str, str]) -> str:
    shown: dict[str, str] = {}
    size = 0
    for name, value in headers.items():
        text = _HIDDEN if name in _SECRET_ANSWERS else value[:_KEPT_VALUE]
        text = "".join(each if each.isprintable() else "?" for each in text)
        size += len(name) + len(text)
        if size > _KEPT_HEADERS:
            break
        shown[name[:_KEPT_VALUE]] = text
    return json.dumps(shown)
