"""Images as people write them on the command line."""

from __future__ import annotations

from urllib.parse import urlsplit

import click

from holdfast.cli.client import Client, segment


def image_name(client: Client, text: str) -> str:
    """`text` without the address of the registry, which a reference pasted from elsewhere begins with."""
    return text.removeprefix(urlsplit(client.context.url).netloc + "/")


def split_image(client: Client, text: str, *, default: str | None = "latest") -> tuple[str, str]:
    """Name and reference of `NAME[:TAG]` or `NAME@DIGEST`; without either the reference is `default`, None: refused."""
    named, at, digest = image_name(client, text).partition("@")
    name, colon, tag = named.partition(":")
    reference = digest if at else tag if colon else default
    if not name or not reference:
        raise click.UsageError(f"{text!r} is not of the form REPOSITORY:TAG or REPOSITORY@DIGEST")
    return name, reference


def path_of(name: str, reference: str) -> str:
    """The path of an artifact in the API."""
    return f"/repositories/{segment(name)}/artifacts/{segment(reference)}"
