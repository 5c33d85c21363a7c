"""What the vocabulary refuses, by meaning.

Every parser of this room raises one of these and nothing else, whatever the input. A reason is a full sentence that
may be shown to the client as it is: printable, at most `MAX_REASON` characters, with at most `MAX_EXCERPT` characters
of the input in it. Which status and which code of the distribution specification ("Error Codes") an error becomes is
decided once, by the surface that answers.
"""

from __future__ import annotations

MAX_EXCERPT = 128
MAX_REASON = 512


def excerpt(text: str, limit: int = MAX_EXCERPT) -> str:
    """Return at most `limit` characters that stand for `text`, safe in a log line, a page and a JSON body.

    Whatever is not printable (control characters, lone surrogates, direction marks) is escaped with a backslash; a cut
    is marked by a final ellipsis, which counts.
    """
    shown = text[: limit + 1]
    if not shown.isprintable():
        shown = shown.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


class Invalid(ValueError):
    """Input that breaks a rule of the specifications.

    `reason` is the sentence for the client; `detail` holds the parts of it by name, texts cut as `excerpt` does.
    """

    reason: str
    detail: dict[str, object]

    def __init__(self, reason: str, **detail: object) -> None:
        self.reason = reason if len(reason) <= MAX_REASON else reason[: MAX_REASON - 1] + "…"
        self.detail = {name: excerpt(value) if isinstance(value, str) else value for name, value in detail.items()}
        super().__init__(self.reason)


class DigestInvalid(Invalid):
    """A text that is not a digest of a registered algorithm (image-spec, descriptor.md, "Digests")."""


class NameInvalid(Invalid):
    """A text that is not a repository name (distribution-spec, "Pulling manifests", `<name>`)."""


class TagInvalid(Invalid):
    """A text that is not a tag (distribution-spec, "Pulling manifests", `<tag-or-digest>`)."""


class ManifestInvalid(Invalid):
    """Bytes that are not one manifest of a supported kind (image-spec, manifest.md and image-index.md)."""


class RangeInvalid(Invalid):
    """A `Range` that cannot be satisfied (RFC 9110, 14.1.2), or a `Content-Range` that is none (RFC 9110, 14.4)."""
