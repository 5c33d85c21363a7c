"""`holdfast events`: what happens in a registry, as it happens or as it happened."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from holdfast.cli.following import Told, follow_events, past_events, reader_left
from holdfast.cli.images import image_name
from holdfast.cli.moments import INSTANT, instant
from holdfast.cli.output import Api, client_verb, plain, when

_EXAMPLES = """\b
Examples:
  holdfast events                                      the last 50
  holdfast events --follow --repository 'shop/**'      what happens there from now on
  holdfast events --since 2h --type tag --type manifest
  holdfast events --after 4711 --follow --json         all since event 4711, a CloudEvent a line
  holdfast events --follow --tag 'v*' --json | while read -r event; do ./deploy "$event"; done
"""
_PREFIX = "holdfast."
_NEWEST = 50
_SHORT = 19


@click.command(epilog=_EXAMPLES)
@click.option(
    "--follow", is_flag=True, help="Go on with what happens, until Ctrl-C; lost connections are taken up again."
)
@click.option("--since", metavar="TIME", help=f"What happened since: {INSTANT}")
@click.option(
    "--after", "place", metavar="PLACE", type=click.IntRange(0), help="What follows the event of this number."
)
@click.option(
    "--type", "types", metavar="TYPE", multiple=True, help="tag.moved, or tag for all that begin so; repeatable."
)
@click.option("--repository", "repositories", metavar="GLOB", multiple=True, help="shop/web, or shop/**; repeatable.")
@click.option("--tag", "tags", metavar="GLOB", multiple=True, help="Only what is about such a tag; repeatable.")
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="No more than N. Without a beginning: the last N; 50."
)
@client_verb
def events(
    api: Api,
    *,
    follow: bool,
    since: str | None,
    place: int | None,
    types: tuple[str, ...],
    repositories: tuple[str, ...],
    tags: tuple[str, ...],
    limit: int | None,
) -> None:
    """Show what happened, the oldest first; with --follow also what happens, as it happens.

    Each line begins with the number of the event: its place, which --after takes. Whoever goes on after the last one
    that he has seen misses nothing, whatever broke in between. You see the events of repositories that you may list,
    and those about access where you have read-audit. With --json each line is a CloudEvent.
    """
    fields: dict[str, Any] = {
        "type": list(types) or None,
        "repository": [image_name(api.client, each) for each in repositories] or None,
        "tag": list(tags) or None,
        "since": instant(since),
    }
    try:
        if follow:
            told = follow_events(api.client, fields, place)
        elif place is not None or since is not None:
            told = past_events(api.client, fields, place)
        else:
            told = _newest(api, fields, limit or _NEWEST)
        _show(api, told, limit)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # who read this has enough, and that is no fault
    except KeyboardInterrupt:
        return


def _newest(api: Api, fields: Mapping[str, Any], count: int) -> Iterator[Told]:
    """The last events, the oldest first."""
    found = list(api.client.pages("/events", most=count, order="newest", **fields))
    return (Told(event, int(event["id"])) for event in reversed(found))


def _show(api: Api, told: Iterable[Told], limit: int | None) -> None:
    left = limit
    for each in told:
        if each.event is None:
            if reader_left():
                return
            continue
        click.echo(json.dumps(each.event) if api.as_json else line_of(each.event))
        left = None if left is None else left - 1
        if left == 0:
            return


def line_of(event: Mapping[str, Any]) -> str:
    """An event as a line for people: its number, when, what, about what, and who."""
    data = event["data"]
    subject = str(event.get("subject", ""))
    tags = data.get("tags")
    about = subject
    if isinstance(tags, list) and len(tags) > 1:
        about = f"{data['path']}:{','.join(map(str, tags))}"
    digest = str(data.get("digest", ""))
    if digest and digest not in about:
        about += f" {digest[:_SHORT]}"
    cells = (event["id"], when(event["time"]), str(event["type"]).removeprefix(_PREFIX), about, event.get("actor"))
    return "  ".join(cell for cell in map(plain, cells) if cell)
