"""Forms that change something: read with bounds, and taken only from our own pages (rule 19).

A form is taken when three things agree: the browser sent a cookie that other sites' forms do not carry (SameSite), it
says that the form is of our origin (`Origin`, or what stands for it), and the form holds a value that only a page of
ours can have been given, for it is made of the cookie.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from holdfast.access.signin.sealing import Seal
from holdfast.web.place import Place, origin_of

FIELD = "form"
"""The name of the hidden field."""
ONCE = "once"
"""The name of the hidden field that tells one form from every other one."""
MANY = frozenset({"pick", "event", "deny", "weekday", "look"})
"""The names of fields that may come many times: the rows that were picked, what was chosen of a list."""
SECRETS = frozenset({"password", "old", "new", "again", "secret", "code", "headers"})
"""The names of fields whose values no page says again."""
BODY_LIMIT = 64 << 10
_FIELDS = 300
_MARK = 32
_KEPT = "kept form"
_KEPT_BYTES = 36 << 10
_KEPT_FOR = 3600 * 1_000_000
_HEX = re.compile(r"[0-9a-f]{128}\Z")


class BadForm(Exception):
    """The body is no form that a page of ours sends."""


class Repeated(Exception):
    """The same form was sent already."""


class ForeignForm(Exception):
    """The form does not come from a page of ours, or from one of a sign-in that has ended."""


class FormTooLarge(Exception):
    """The form has more than `BODY_LIMIT` bytes."""


class Kept(NamedTuple):
    """A form that was kept: where it goes, and its fields but for secrets."""

    path: str
    pairs: list[tuple[str, str]]


class Forms:
    """Marks forms and checks them, and keeps those that came when the sign-in had ended."""

    def __init__(self, place: Place, seal: Seal) -> None:
        self._place = place
        self._seal = seal

    def mark(self, cookie: str) -> str:
        """What a form of a page holds that is given to the browser with this cookie. It looks different each time, so
        that the size of a compressed page tells nothing of it."""
        pad = os.urandom(_MARK)
        return (pad + _mixed(pad, self._own(cookie))).hex()

    def check(self, headers: Mapping[str, str], fields: Mapping[str, str], cookie: str) -> None:
        """Raise `ForeignForm` unless the form is of a page that was given to the browser with this cookie."""
        if not self._ours(headers):
            raise ForeignForm("the form is of another origin")
        given = fields.get(FIELD, "")
        raw = bytes.fromhex(given) if _HEX.match(given) else b""
        if not cookie or not hmac.compare_digest(_mixed(raw[:_MARK], raw[_MARK:]), self._own(cookie)):
            raise ForeignForm("the form is not of a page that this browser was given")

    def keep(self, headers: Mapping[str, str], path: str, fields: Fields, now: int) -> str:
        """A form that nobody was signed in for any more, as a page may hold it until somebody is: without its secrets;
        '' when it is not of our origin, has nothing that somebody wrote, or is too large."""
        pairs = [(name, value) for name, value in fields.pairs if name not in (FIELD, ONCE, *SECRETS)]
        if not pairs or not self._ours(headers):
            return ""
        text = json.dumps([path, now, pairs], ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
        return base64.urlsafe_b64encode(self._seal.seal(_KEPT, text)).decode() if len(text) <= _KEPT_BYTES else ""

    def kept(self, text: str, now: int) -> Kept | None:
        """What `keep` made this text of, an hour ago at most; None: it made no such text."""
        try:
            path, at, pairs = json.loads(self._seal.open(_KEPT, base64.urlsafe_b64decode(text)))
        except ValueError:  # NotSealed is one
            return None
        return Kept(path, [(name, value) for name, value in pairs]) if at <= now <= at + _KEPT_FOR else None

    def _own(self, cookie: str) -> bytes:
        return self._seal.hash("form", cookie)

    def _ours(self, headers: Mapping[str, str]) -> bool:
        origin = headers.get("origin")
        if origin is not None:
            return origin in self._place.own
        fetched = headers.get("sec-fetch-site")
        if fetched is not None:
            return fetched == "same-origin"
        referer = headers.get("referer")
        return referer is not None and origin_of(referer) in self._place.own


def _mixed(pad: bytes, value: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(pad, value, strict=False))


class Fields(dict[str, str]):
    """The fields of a form; those that may come many times (check boxes of rows) are asked for by `many`."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self._pairs = tuple(pairs)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Every field with its value, in the order of the form."""
        return self._pairs

    def many(self, name: str) -> list[str]:
        """Every value of a field that may come many times, in the order of the form."""
        return [value for key, value in self._pairs if key == name]


def parse_form(content_type: str, body: bytes) -> Fields:
    """The fields of a form (application/x-www-form-urlencoded, UTF-8), each once but those of `MANY`. Raises
    `BadForm`."""
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise BadForm("a form is sent as application/x-www-form-urlencoded")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
    except ValueError as error:
        raise BadForm("the form cannot be read") from error
    single = [name for name, _ in pairs if name not in MANY]
    if len(set(single)) != len(single):
        raise BadForm("a field of the form comes twice")
    return Fields(pairs)
