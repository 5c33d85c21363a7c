"""`holdfast history`, `show` and `diff`: what became of tags, on the registry that one is logged in to."""

from __future__ import annotations

import json
from typing import Any

import click

from holdfast.cli.images import image_name
from holdfast.cli.moments import INSTANT, instant
from holdfast.cli.output import Api, client_verb, plain, show_table, when

_HISTORY = """\b
Examples:
  holdfast history shop/web:stable
  holdfast history shop/web --tags 'v1.*' --since 7d
  holdfast history shop --actor robot:shop+ci --action deleted
  holdfast history 'shop/**' --since 2h --json
"""
_SHOW = """\b
Examples:
  holdfast show shop/web --at 2h
  holdfast show shop/web --at 2027-01-31T18:00:00Z
  holdfast show shop/web
"""
_DIFF = """\b
Examples:
  holdfast diff shop/web 2d 1d
  holdfast diff shop 2027-01-31 now
"""
_SHORT = 19


@click.command(epilog=_HISTORY)
@click.argument("target")
@click.option("--tags", metavar="GLOB", help="Only tags of this glob.")
@click.option("--actor", metavar="SUBJECT", help="Only what this user or robot did.")
@click.option("--action", type=click.Choice(["created", "moved", "deleted"]), help="Only this.")
@click.option("--since", metavar="TIME", help=INSTANT)
@click.option("--until", metavar="TIME", help="Nothing later than this.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="The most changes shown.")
@client_verb
def history(
    api: Api,
    target: str,
    *,
    tags: str | None,
    actor: str | None,
    action: str | None,
    since: str | None,
    until: str | None,
    limit: int,
) -> None:
    """Show how tags changed, newest first: of TARGET, which is REPOSITORY:TAG, REPOSITORY, or a namespace.

    Who made a change is shown to those who may change tags there, or read the audit.
    """
    items, more = _pieces(
        api,
        "/history",
        limit,
        target=image_name(api.client, target),
        tags=tags,
        actor=actor,
        action=action,
        since=instant(since),
        until=instant(until),
    )
    if api.as_json:
        click.echo(json.dumps({"items": items, "more": more}, indent=2))
        return
    if not items:
        click.echo("no changes in your sight")
        return
    table = [
        (
            each["at"],
            f"{each['repository']}:{each['tag']}",
            each["action"],
            digest_text(each["was"], there=each["action"] != "created"),
            digest_text(each["now"], there=each["action"] != "deleted"),
            each["actor"],
            each["request"],
        )
        for each in items
    ]
    show_table(("TIME", "TAG", "ACTION", "FROM", "TO", "WHO", "REQUEST"), table)
    _say_more(more)


@click.command(epilog=_SHOW)
@click.argument("repository")
@click.option("--at", "at", metavar="TIME", help=f"{INSTANT} Without it: now.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="The most tags shown.")
@client_verb
def show(api: Api, repository: str, *, at: str | None, limit: int) -> None:
    """Show the tags of REPOSITORY as they stood at an instant."""
    name = image_name(api.client, repository)
    items, more = _pieces(api, "/history/tags", limit, repository=name, at=instant(at))
    if api.as_json:
        click.echo(json.dumps({"items": items, "more": more}, indent=2))
        return
    if not items:
        click.echo("no tags then, in your sight")
        return
    table = [
        (each["tag"], digest_text(each["digest"]), when(each["since"]), "yes" if each["stored"] else "no")
        for each in items
    ]
    show_table(("TAG", "DIGEST", "SINCE", "STORED"), table)
    _say_more(more)


@click.command(epilog=_DIFF)
@click.argument("target")
@click.argument("first")
@click.argument("second")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="The most tags shown.")
@client_verb
def diff(api: Api, target: str, first: str, second: str, *, limit: int) -> None:
    """Show which tags of TARGET were created, moved and deleted between two times: FIRST and SECOND.

    TARGET is a REPOSITORY, REPOSITORY:TAG, or a namespace. Times are as in `holdfast show`, or `now`.
    """
    name = image_name(api.client, target)
    items, more = _pieces(api, "/history/differences", limit, target=name, since=instant(first), until=instant(second))
    if api.as_json:
        click.echo(json.dumps({"items": items, "more": more}, indent=2))
        return
    if not items:
        click.echo("no tag differs, in your sight")
        return
    table = [
        (
            f"{each['repository']}:{each['tag']}",
            each["change"],
            digest_text(each["was"], there=each["change"] != "created"),
            digest_text(each["now"], there=each["change"] != "deleted"),
            when(each["at"]),
        )
        for each in items
    ]
    show_table(("TAG", "CHANGE", "FIRST", "SECOND", "LAST"), table)
    _say_more(more)


def digest_text(digest: str | None, *, there: bool = True) -> str:
    """A digest as tables show it; of what is not stored any more that it is gone."""
    if digest is None:
        return "(gone)" if there else "-"
    return plain(digest)[:_SHORT]


def _pieces(api: Api, path: str, limit: int, **query: Any) -> tuple[list[Any], bool]:
    """At most `limit` items of a list, and whether there are more."""
    items: list[Any] = []
    after: str | None = None
    while len(items) < limit:
        page = api.client.get(path, after=after, limit=min(limit - len(items), 500), **query)
        items += page["items"]
        after = page["next"]
        if after is None:
            break
    return items, after is not None


def _say_more(more: bool) -> None:
    if more:
        click.echo("there is more: narrow it down, or raise --limit", err=True)
