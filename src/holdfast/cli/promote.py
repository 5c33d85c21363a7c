"""`holdfast promote`: an image becomes another repository's as well, or another tag's, on the server."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.images import image_name
from holdfast.cli.output import Api, client_verb, plain
from holdfast.cli.sizes import size_text

_PROMOTE = """\b
Examples:
  holdfast promote staging/app:1.4 prod/app
  holdfast promote staging/app:1.4 prod/app:stable --dry-run
  holdfast promote prod/app:1.4 prod/app:latest
  holdfast promote staging/app@sha256:4f79c1e0... prod/app:1.4 --no-referrers
"""
_EFFECTS = {
    "create": "{name}: new",
    "move": "{name}: moves from {was}",
    "same": "{name}: is there already",
    "keep": "{name}: the target has its own, which stays",
}


@click.command(epilog=_PROMOTE)
@click.argument("source")
@click.argument("target")
@click.option("--no-referrers", is_flag=True, help="Leave out signatures, SBOMs and whatever else refers to it.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@client_verb
def promote(api: Api, source: str, target: str, *, no_referrers: bool, dry_run: bool) -> None:
    """Let the image SOURCE, with all that belongs to it, be in the repository TARGET as well: NAME[:TAG].

    SOURCE is NAME[:TAG] (without a tag: latest) or NAME@DIGEST; a TARGET without a tag gets that of SOURCE. No byte
    moves, and all of it is there at once or nothing is. In the same repository this puts a tag on the image.
    """
    found = api.client.post(
        "/promotions",
        {
            "source": image_name(api.client, source),
            "target": image_name(api.client, target),
            "referrers": not no_referrers,
            "dry_run": dry_run,
        },
    )
    api.show(found, lambda value: click.echo("\n".join(_lines(value, source, target))))


def _lines(found: dict[str, Any], source: str, target: str) -> list[str]:
    done = "would be promoted" if found["dry_run"] else "is promoted"
    added = "" if found["added"] is None else f", {size_text(found['added'])} of them new there"
    lines = [
        f"{source} {done} to {target}: {plain(found['digest'])}",
        f"  {_count(found['manifests'], 'manifest')} ({_count(found['referrers'], 'referrer')} among them), "
        f"{_count(found['blobs'], 'blob')}, {size_text(found['bytes'])}{added}",
    ]
    for tag in found["tags"]:
        was = plain(tag["was"] or "what you may not pull")
        lines.append("  " + _EFFECTS[tag["effect"]].format(name=plain(tag["name"]), was=was))
    return lines


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
