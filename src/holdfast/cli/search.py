"""`holdfast search`: repositories, tags, digests, and what is said of images."""

from __future__ import annotations

import json
from typing import Any

import click

from holdfast.cli.output import Api, client_verb, show_table

_KINDS = ("repository", "tag", "digest", "label", "annotation", "type")
_SEARCH = """\b
Examples:
  holdfast search app
  holdfast search app:1.4
  holdfast search 4f79c1e
  holdfast search org.opencontainers.image.vendor=Example --kind annotation --exact
  holdfast search nightly --substring --limit 50
"""


@click.command(epilog=_SEARCH)
@click.argument("query")
@click.option("--kind", "kinds", type=click.Choice(_KINDS), multiple=True, help="Only of this kind; may be repeated.")
@click.option("--exact", is_flag=True, help="What is exactly QUERY; without it what begins so.")
@click.option("--substring", is_flag=True, help="What holds QUERY anywhere.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="The most lines shown.")
@client_verb
def search(api: Api, query: str, *, kinds: tuple[str, ...], exact: bool, substring: bool, limit: int) -> None:
    """Search names of repositories, tags, digests, labels, annotations and types, in what you may see.

    QUERY is the beginning of a name or of a part of it, NAME:TAG, NAME@DIGEST, a digest or at least 7 digits of one,
    or KEY=VALUE of a label or annotation.
    """
    if exact and substring:
        raise click.UsageError("--exact and --substring exclude each other")
    match = "exact" if exact else "substring" if substring else "prefix"
    hits: list[dict[str, Any]] = []
    after: str | None = None
    while len(hits) < limit:
        page = api.client.get(
            "/search", q=query, kind=list(kinds), match=match, after=after, limit=min(limit - len(hits), 500)
        )
        hits += page["items"]
        after = page["next"]
        if after is None:
            break
    shown = hits[:limit]
    if api.as_json:
        click.echo(json.dumps({"items": shown, "more": after is not None}, indent=2))
        return
    if not shown:
        click.echo("nothing in your sight")
        return
    show_table(("KIND", "WHERE", "WHAT"), [(hit["kind"], _where(hit), _what(hit)) for hit in shown])
    if after is not None:
        click.echo("there is more: narrow it down, or raise --limit")


def _where(hit: dict[str, Any]) -> str:
    if hit["tag"]:
        return f"{hit['path']}:{hit['tag']}"
    return f"{hit['path']}@{hit['digest']}" if hit["digest"] else str(hit["path"])


def _what(hit: dict[str, Any]) -> str:
    return str(hit["digest"] if hit["kind"] == "tag" else hit["text"])
