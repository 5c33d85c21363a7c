"""The one table of the pages' refusals: from what went wrong to a status and a sentence."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.access import errors as access
from holdfast.access.policy.globs import GlobInvalid
from holdfast.blobs.errors import BlobError
from holdfast.db import errors as db
from holdfast.oci.errors import Invalid as OciInvalid
from holdfast.registry import errors as registry
from holdfast.web.forms import BadForm, ForeignForm, FormTooLarge, Repeated


class NoPage(Exception):
    """There is no such page."""


class NoMethod(Exception):
    """The page is there, not for this method. `allowed`: those that it has."""

    def __init__(self, allowed: str) -> None:
        super().__init__(allowed)
        self.allowed = allowed


class Malformed(Exception):
    """The request is no proper HTTP, or too large, or stopped arriving."""


class Refusal(NamedTuple):
    """A status, a title, and what to say; '' says what the error says."""

    status: int
    title: str
    text: str


TABLE: dict[type[BaseException], Refusal] = {
    NoPage: Refusal(404, "There is no such page", "The address may be mistyped, or what it named is gone."),
    NoMethod: Refusal(405, "This page takes no such request", "Go back and use the page's own buttons."),
    Malformed: Refusal(400, "The request cannot be read", ""),
    BadForm: Refusal(400, "The form cannot be read", ""),
    FormTooLarge: Refusal(413, "The form is too large", "Send less text."),
    ForeignForm: Refusal(
        403,
        "This form is not taken",
        "It was not sent from a page of this registry, or that page is too old. Go back, reload it, and try again.",
    ),
    Repeated: Refusal(
        409, "This form was sent already", "What it asked for was done once. Go back and look before you send it again."
    ),
    access.Unauthenticated: Refusal(403, "You are not signed in", "Sign in again."),
    access.Denied: Refusal(403, "This is refused", ""),
    access.Unknown: Refusal(404, "There is no such thing", ""),
    access.Invalid: Refusal(400, "This cannot be done", ""),
    access.Conflict: Refusal(409, "This cannot be done", ""),
    access.StalePermit: Refusal(409, "Your account has changed", "Go back, reload the page, and try again."),
    access.Changed: Refusal(412, "It has changed since you looked", "Go back, reload the page, and look again."),
    access.TooManyRequests: Refusal(429, "Too many requests", ""),
    access.Throttled: Refusal(429, "Too many failed sign-ins", ""),
    access.Busy: Refusal(429, "Too many sign-ins at once", "Try again in a moment."),
    access.ProviderAway: Refusal(
        502, "The sign-in provider does not answer", "Try again in a moment, or tell an administrator."
    ),
    GlobInvalid: Refusal(400, "This cannot be done", ""),
    OciInvalid: Refusal(400, "This cannot be done", ""),
    registry.RepositoryUnknown: Refusal(
        404, "Not here, or not for you", "There is no such repository, or you may not see it: the answer is the same."
    ),
    registry.ManifestUnknown: Refusal(404, "There is no such image", ""),
    registry.BlobUnknown: Refusal(404, "There is no such content", ""),
    registry.UploadUnknown: Refusal(404, "There is no such upload", ""),
    registry.QuotaExceeded: Refusal(403, "The quota is used up", ""),
    registry.NoRoom: Refusal(507, "The disk of the registry is full", "Nothing of this was stored."),
    registry.ContentUnavailable: Refusal(503, "The registry cannot answer now", "Try again in a moment."),
    registry.EventsArchived: Refusal(410, "What was asked for is in the archive", ""),
    registry.RegistryError: Refusal(409, "This cannot be done", ""),
    BlobError: Refusal(503, "The storage does not answer now", "Try again in a moment."),
    db.ReadOnly: Refusal(503, "The registry is read-only now", ""),
    db.Full: Refusal(507, "The disk of the registry is full", "Nothing of this was stored."),
    db.DatabaseError: Refusal(503, "The registry cannot answer now", "Try again in a moment."),
}
_FAULT = Refusal(500, "The registry failed", "The request number below finds the reason in its log.")


def refusal_of(error: BaseException) -> Refusal:
    """The row of the table for `error`, by its class and then its bases; what nobody foresaw is 500."""
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind]
    return _FAULT


def sentence(error: BaseException, refusal: Refusal) -> str:
    """What to say."""
    return refusal.text or f"{str(error)[:1].upper()}{str(error)[1:]}"
