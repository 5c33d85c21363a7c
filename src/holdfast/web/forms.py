"""Forms that change something: read with bounds, and taken only from our own pages (rule 19).

A form is taken when three things agree: the browser sent a cookie that other sites' forms do not carry (SameSite), it
says that the form is of our origin (`Origin`, or what stands for it), and the form holds a value that only a page of
ours can have been given, for it is made of the cookie.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from holdfast.access.signin.sealing import Seal
from holdfast.web.place import Place, origin_of

FIELD = "form"
"""The name of the hidden field."""
BODY_LIMIT = 64 << 10
_FIELDS = 100


class BadForm(Exception):
    """The body is no form that a page of ours sends."""


class ForeignForm(Exception):
    """The form does not come from a page of ours, or from one of a sign-in that has ended."""


class FormTooLarge(Exception):
    """The form has more than `BODY_LIMIT` bytes."""


class Forms:
    """Marks forms and checks them."""

    def __init__(self, place: Place, seal: Seal) -> None:
        self._place = place
        self._seal = seal

    def mark(self, cookie: str) -> str:
        """What a form of a page holds that is given to the browser with this cookie."""
        return self._seal.hash("form", cookie).hex()

    def check(self, headers: Mapping[str, str], fields: Mapping[str, str], cookie: str) -> None:
        """Raise `ForeignForm` unless the form is of a page that was given to the browser with this cookie."""
        if not self._ours(headers):
            raise ForeignForm("the form is of another origin")
        given = fields.get(FIELD, "")
        if not cookie or not hmac.compare_digest(given.encode("utf-8", "replace"), self.mark(cookie).encode()):
            raise ForeignForm("the form is not of a page that this browser was given")

    def _ours(self, headers: Mapping[str, str]) -> bool:
        origin = headers.get("origin")
        if origin is not None:
            return origin in self._place.own
        fetched = headers.get("sec-fetch-site")
        if fetched is not None:
            return fetched == "same-origin"
        referer = headers.get("referer")
        return referer is not None and origin_of(referer) in self._place.own


def parse_form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form (application/x-www-form-urlencoded, UTF-8), each once. Raises `BadForm`."""
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise BadForm("a form is sent as application/x-www-form-urlencoded")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS, errors="strict")
    except ValueError as error:
        raise BadForm("the form cannot be read") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadForm("a field of the form comes twice")
    return fields
