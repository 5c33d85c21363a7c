"""What clusters call the images that run in them: references of all the forms that container runtimes print."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.oci.digest import Digest
from holdfast.oci.errors import Invalid
from holdfast.oci.name import RepositoryName, Tag


class Image(NamedTuple):
    """An image that runs: its digest ('': not known), and by which repository and tag it is called ('': not told)."""

    digest: str
    repository: str = ""
    tag: str = ""


def parse_image(text: str) -> Image | None:
    """The image that `[SCHEME://][HOST/]NAME[:TAG][@DIGEST]`, or a bare digest, names; None: it is neither.

    A first segment with a dot or a colon, or `localhost`, is a host: which registry it is cannot be told from it, for
    clusters may pull through mirrors. Without tag and digest the tag is `latest`.
    """
    text = text.rpartition("://")[2].strip()
    try:
        if "@" not in text and text.partition(":")[0] in ("sha256", "sha512", "sha384"):
            return Image(Digest.parse(text))
        name, _, digest = text.partition("@")
        known = Digest.parse(digest) if digest else ""
        first, slash, rest = name.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost"):
            name = rest
        path, colon, tag = name.rpartition(":")
        if not colon:
            path, tag = name, "" if known else "latest"
        return Image(known, RepositoryName.parse(path), Tag.parse(tag) if tag else "")
    except Invalid:
        return None
