"""`holdfast tag`: the tags of a repository, on the registry that one is logged in to."""

from __future__ import annotations

import json
from typing import Any

import click

from holdfast.cli.client import segment
from holdfast.cli.output import Api, client_verb, show_table, when
from holdfast.cli.sizes import size_text

_TAG = """\b
Examples:
  holdfast tag list shop/web
"""
_LIST = """\b
Examples:
  holdfast tag list shop/web
  holdfast tag list shop/web --order version --limit 10
  holdfast tag list shop/web --json
"""


@click.group(epilog=_TAG)
def tag() -> None:
    """Look at tags."""


@tag.command("list", epilog=_LIST)
@click.argument("repository")
@click.option("--order", type=click.Choice(["name", "version"]), default="name", show_default=True, help="Which first.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="The most tags shown.")
@client_verb
def list_(api: Api, repository: str, *, order: str, limit: int) -> None:
    """List the tags of REPOSITORY: what each is, how large, when it was pushed and pulled last.

    With --order version the highest version comes first, and what is no version at the end.
    """
    rows: list[dict[str, Any]] = []
    since = after = None
    more = True
    while more and len(rows) < limit:
        page = api.client.get(
            f"/repositories/{segment(repository)}/tags", order=order, after=after, limit=min(500, limit - len(rows))
        )
        rows += page["items"]
        since, after = page["tracked_since"], page["next"]
        more = after is not None
    if api.as_json:
        click.echo(json.dumps({"items": rows, "tracked_since": since, "more": more}, indent=2))
        return
    if not rows:
        click.echo("no tags in your sight")
        return
    table = [
        (
            each["name"],
            each["digest"][:19],
            size_text(each["size"]),
            when(each["pushed_at"]),
            when(each["pulled_at"], "-"),
        )
        for each in rows
    ]
    show_table(("TAG", "DIGEST", "SIZE", "PUSHED", "PULLED"), table)
    if more:
        click.echo("there is more: raise --limit")
    if any(each["pulled_at"] is None for each in rows):
        click.echo(f"-: not pulled since {when(since)}; what was before is not known" if since else "-: not known")
