"""`holdfast image`: new manifests and indexes, made on the server of what is stored."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.client import segment
from holdfast.cli.images import path_of, split_image
from holdfast.cli.output import Api, client_verb, plain

_IMAGE = """\b
Examples:
  holdfast image annotate team/app:1.4 org.opencontainers.image.vendor=Example
  holdfast image index team/app:1.4 1.4-amd64 1.4-arm64
"""
_ANNOTATE = """\b
Examples:
  holdfast image annotate team/app:1.4 org.opencontainers.image.vendor=Example
  holdfast image annotate team/app:1.4 checked=yes --remove draft --tag 1.4-checked
"""
_INDEX = """\b
Examples:
  holdfast image index team/app:1.4 1.4-amd64 1.4-arm64
  holdfast image index team/app:1.4 1.4-amd64 sha256:4f79c1e0... --annotation checked=yes
"""


@click.group(epilog=_IMAGE)
def image() -> None:
    """Make new images of what the registry holds, without a pull and a push."""


@image.command(epilog=_ANNOTATE)
@click.argument("image")
@click.argument("annotations", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--remove", multiple=True, metavar="KEY", help="Take this annotation away; may be repeated.")
@click.option("--tag", metavar="TAG", help="What the result is called; without it as IMAGE, if that is a tag.")
@client_verb
def annotate(api: Api, image: str, *, annotations: tuple[str, ...], remove: tuple[str, ...], tag: str | None) -> None:
    """Make the image or index IMAGE (NAME:TAG or NAME@DIGEST) with other annotations, and let its tag point to it.

    The old digest, with the signatures that it has, stays pullable while its history is kept.
    """
    if not annotations and not remove:
        raise click.UsageError("give annotations as KEY=VALUE, or --remove KEY")
    name, reference = split_image(api.client, image)
    body: dict[str, Any] = {"put": _pairs(annotations), "remove": list(remove)}
    made = api.client.post(path_of(name, reference) + "/annotations", body | ({"tag": tag} if tag else {}))
    was = "nothing changes" if made["was"] == made["digest"] else f"was {plain(made['was'])}"
    api.show(made, f"{_called(made)} is {plain(made['digest'])} ({was})")


@image.command(epilog=_INDEX)
@click.argument("image")
@click.argument("parts", nargs=-1, required=True)
@click.option("--annotation", "annotations", multiple=True, metavar="KEY=VALUE", help="Of the index; may be repeated.")
@client_verb
def index(api: Api, image: str, *, parts: tuple[str, ...], annotations: tuple[str, ...]) -> None:
    """Make an index of PARTS, tags or digests of the same repository, and call it IMAGE: NAME:TAG.

    Platforms come from the configurations of the images; of an index among PARTS its parts are taken.
    """
    name, tag = split_image(api.client, image)
    if ":" in tag:
        raise click.UsageError(f"{image!r} is not of the form REPOSITORY:TAG")
    body = {"tag": tag, "parts": list(parts), "annotations": _pairs(annotations)}
    made = api.client.post(f"/repositories/{segment(name)}/indexes", body)
    platforms = plain(made["platforms"]) or "no platform"
    api.show(made, f"{_called(made)} is {plain(made['digest'])}: {platforms}")


def _called(made: dict[str, Any]) -> str:
    return plain(made["repository"]) + (f":{plain(made['tag'])}" if made["tag"] else " (by its digest alone)")


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise click.UsageError(f"{text!r} is not of the form KEY=VALUE")
        found[key] = value
    return found
