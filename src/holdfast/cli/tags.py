"""`holdfast tag`: the tags of a repository, on the registry that one is logged in to."""

from __future__ import annotations

import json
from typing import Any

import click

from holdfast.cli.changes import ask_change
from holdfast.cli.client import segment
from holdfast.cli.filters import FILTER, filters_of
from holdfast.cli.images import image_name
from holdfast.cli.output import Api, client_verb, show_table, when
from holdfast.cli.sizes import size_text

_TAG = """\b
Examples:
  holdfast tag list shop/web
  holdfast tag change delete shop/web --filter glob=ci-* --filter pushed_before=90d
"""
_CHANGE = """\b
Examples:
  holdfast tag change delete shop/web rc-1 rc-2 --dry-run
  holdfast tag change delete shop/web --filter glob=ci-* --filter pushed_before=90d --filter never_pulled
  holdfast tag change retag shop/web --match 'rc-*' --pattern 'release-*'
  holdfast tag change retag shop/web 1.4 1.5 --pattern 'v*' --target shop/stable --replace
  holdfast tag change promote shop/web --filter glob=v1.* --target shop/production --yes
  holdfast tag change label shop/web v1.4 --label org.example.stage=tested
  holdfast tag change protect shop/web v1.4 v1.5
"""
_LIST = """\b
Examples:
  holdfast tag list shop/web
  holdfast tag list shop/web --order version --limit 10
  holdfast tag list shop/web --json
"""


@click.group(epilog=_TAG)
def tag() -> None:
    """Look at tags, and change several at once."""


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


@tag.command("change", epilog=_CHANGE)
@click.argument("what", metavar="WHAT", type=click.Choice(["delete", "retag", "label", "promote", "protect"]))
@click.argument("repository")
@click.argument("tag", nargs=-1, metavar="[TAG]...")
@click.option("--filter", "filters", multiple=True, metavar="NAME[=VALUE]", help=FILTER)
@click.option("--target", metavar="REPOSITORY", help="Where to promote or retag to.")
@click.option("--match", metavar="PATTERN", help="Of retag: the old names, with one *; without it any.")
@click.option("--pattern", metavar="PATTERN", help="Of retag: the new names, * as in the old one.")
@click.option("--replace", is_flag=True, help="Of retag: also move tags that have the new names.")
@click.option("--label", metavar="NAME[=VALUE]", help="The label to put; without a value it is taken away.")
@click.option("--dry-run", is_flag=True, help="Only show what would become of each.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@client_verb
def change(
    api: Api,
    what: str,
    repository: str,
    *,
    tag: tuple[str, ...],
    filters: tuple[str, ...],
    target: str | None,
    match: str | None,
    pattern: str | None,
    replace: bool,
    label: str | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Do WHAT (delete, retag, label, promote or protect) to each TAG of REPOSITORY, or to all that pass the filters.

    One job does it: what moved since it was shown stays, what became of each is told, and `holdfast changes undo` takes
    it back.
    """
    if not tag and not filters:
        raise click.UsageError("name tags, or a --filter: glob=* is all of them")
    named, _, value = (label or "").partition("=")
    given = {
        "kind": what,
        "repository": image_name(api.client, repository),
        "tags": list(tag) or None,
        **filters_of(filters),
        "target": image_name(api.client, target) if target is not None else None,
        "match": match,
        "pattern": pattern,
        "replace": replace,
        "label": named,
        "value": value,
    }
    ask_change(api, "/changes/tags", given, dry_run=dry_run, yes=yes)
