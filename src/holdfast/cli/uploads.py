"""`holdfast uploads`: what arrives and what is stuck, on the registry that one is logged in to."""

from __future__ import annotations

import click

from holdfast.cli.client import segment
from holdfast.cli.confirming import counted
from holdfast.cli.output import Api, client_verb, when
from holdfast.cli.sizes import size_text

_UPLOADS = """\b
Examples:
  holdfast uploads list
  holdfast uploads cancel 0063f1a2b3c4d5-9f2c...
"""
_LIST = """\b
Examples:
  holdfast uploads list
  holdfast uploads list --repository team/app
  holdfast uploads list --json
"""
_CANCEL = """\b
Examples:
  holdfast uploads cancel 0063f1a2b3c4d5-9f2c...
"""


@click.group(epilog=_UPLOADS)
def uploads() -> None:
    """See uploads that have not ended, and end those that are stuck."""


@uploads.command("list", epilog=_LIST)
@click.option("--repository", default="", metavar="REPOSITORY", help="Only uploads to this repository.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="The most uploads shown.")
@client_verb
def list_(api: Api, *, repository: str, limit: int) -> None:
    """List uploads that have not ended, those that arrive now first.

    Your own, all to repositories whose settings you may change, and all for who operates the registry. What comes in
    one request has no id: it ends with its connection.
    """
    query = {"repository": repository} if repository else {}
    api.show_list(
        api.client.pages("/uploads", most=limit, **query),
        ("ID", "REPOSITORY", "WHO", "CLIENT", "RECEIVED", "RATE", "LAST BYTE", "EXPIRES"),
        lambda each: (
            each["id"] or "-",
            each["repository"],
            each["actor"],
            each["client"].partition(" ")[0],
            size_text(each["received"]) + (f" of {size_text(each['total'])}" if each["total"] is not None else ""),
            f"{size_text(int(each['rate']))}/s" if each["rate"] is not None else "",
            "now" if each["arriving"] else when(each["last_at"]),
            when(each["expires_at"], "with its connection"),
        ),
        "no upload in your sight is under way",
    )


@uploads.command(epilog=_CANCEL)
@click.argument("id", nargs=-1, required=True, metavar="ID...")
@client_verb
def cancel(api: Api, *, id: tuple[str, ...]) -> None:
    """End uploads by their ids; their clients are told at their next request, and what they hold is freed."""
    for each in id:
        api.client.delete(f"/uploads/{segment(each)}")
    api.show({"cancelled": list(id)}, f"{counted(len(id), 'upload')} ended")
