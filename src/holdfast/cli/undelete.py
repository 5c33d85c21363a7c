"""`holdfast deleted` and `undelete`: what was deleted, and bringing it back."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.history import digest_text
from holdfast.cli.images import image_name
from holdfast.cli.output import Api, client_verb, plain, when

_DELETED = """\b
Examples:
  holdfast deleted shop/web
  holdfast deleted shop/web --json
"""
_UNDELETE = """\b
Examples:
  holdfast undelete shop/web:v1.4
  holdfast undelete shop/web@sha256:4f79c1e0... --tags
"""


@click.command(epilog=_DELETED)
@click.argument("repository")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="The most lines shown.")
@client_verb
def deleted(api: Api, repository: str, *, limit: int) -> None:
    """List what was deleted from REPOSITORY and can be restored, newest first, and until when."""
    api.show_list(
        api.client.pages("/deleted", most=limit, repository=image_name(api.client, repository)),
        ("KIND", "TAG", "DIGEST", "DELETED", "UNTIL"),
        lambda each: (
            each["kind"],
            each["tag"] or "-",
            each["digest"] if each["tag"] is None else digest_text(each["digest"]),
            when(each["deleted_at"]),
            when(each["until"]),
        ),
        "nothing was deleted that can be restored, in your sight",
    )


@click.command(epilog=_UNDELETE)
@click.argument("reference")
@click.option("--tags", is_flag=True, help="Of a digest: with the tags that ended with it.")
@client_verb
def undelete(api: Api, reference: str, *, tags: bool) -> None:
    """Restore REFERENCE, which is REPOSITORY:TAG or REPOSITORY@DIGEST, inside the history window.

    A manifest comes back with its parts and with what referred to it when it was deleted.
    """
    found = api.client.post("/deleted/restore", {"reference": image_name(api.client, reference), "tags": tags})
    api.show(found, _said)


def _said(found: dict[str, Any]) -> None:
    with_it = f", with the tags {plain(found['tags'])}" if found["tags"] else ""
    click.echo(f"{plain(found['digest'])} is back{with_it}")
    if found["left"]:
        click.echo(f"made again meanwhile, and left as they are: {plain(found['left'])}")
