"""`holdfast purge`: content that must not be here, on the registry that one is logged in to."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.client import segment
from holdfast.cli.confirming import confirm, counted
from holdfast.cli.images import split_image
from holdfast.cli.output import Api, client_verb, plain, when
from holdfast.cli.progress import follow
from holdfast.cli.sizes import size_text

_PURGE = """\b
Examples:
  holdfast purge shop/web:v1.4 --reason "a key got into it" --dry-run
  holdfast purge shop/web:v1.4 --reason "a key got into it"
  holdfast purge shop/web@sha256:4f79c1e0... --reason "a key got into this layer"
  holdfast purge list
  holdfast purge lift sha256:4f79c1e0...
"""
_REFERENCE = """\b
Examples:
  holdfast purge shop/web:v1.4 --reason "a key got into it" --dry-run
  holdfast purge content shop/web:v1.4 --reason "a key got into it" --yes
"""
_LIST = """\b
Examples:
  holdfast purge list
"""
_LIFT = """\b
Examples:
  holdfast purge lift sha256:4f79c1e0...
"""
_SHOWN = 20


class _ReferenceFirst(click.Group):
    """A group whose first word is a reference unless it is one of its verbs."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["content", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_ReferenceFirst, epilog=_PURGE)
def purge() -> None:
    """Take content out of the whole registry at once, and refuse its digest from then on.

    `holdfast purge REFERENCE --reason TEXT`, where REFERENCE is REPOSITORY:TAG or REPOSITORY@DIGEST of a manifest or a
    layer. Neither the history window nor an immutable tag keeps it, and it does not come back.
    """


@purge.command(epilog=_REFERENCE)
@click.argument("reference")
@click.option("--reason", required=True, metavar="TEXT", help="Why; whoever pushes it again is told.")
@click.option("--dry-run", is_flag=True, help="Only say what would break.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@client_verb
def content(api: Api, reference: str, *, reason: str, dry_run: bool, yes: bool) -> None:
    """Purge what REFERENCE means; `content` may be left out."""
    name, wanted = split_image(api.client, reference, default=None)
    harm = api.client.get("/purges/harm", repository=name, reference=wanted)
    if dry_run:
        api.show(harm, "\n".join(_harm(harm)))
        return
    confirm(_harm(harm), "Purge it? It cannot be undone.", yes=yes)
    # By digest: what was shown is what goes, wherever the tag is by now.
    found = api.client.post("/purges", {"repository": name, "reference": harm["digest"], "reason": reason})
    found["job"] = follow(api, found["job"], "purging")
    ended = found["job"]["result"] or {"repositories": 0, "tags": 0}
    done = f"{counted(ended['tags'], 'tag')} in {counted(ended['repositories'], 'repository', 'repositories')} ended"
    api.show(found, f"purged {plain(found['digest'])}: {done}")


@purge.command("list", epilog=_LIST)
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="The most lines shown.")
@client_verb
def list_(api: Api, *, limit: int) -> None:
    """List the digests that are refused, and why."""
    api.show_list(
        api.client.pages("/purges", most=limit),
        ("DIGEST", "SIZE", "PURGED", "BY", "REASON"),
        lambda each: (
            each["digest"],
            size_text(each["size"]),
            when(each["purged_at"]),
            each["purged_by"],
            each["reason"],
        ),
        "nothing was purged",
    )


@purge.command(epilog=_LIFT)
@click.argument("digest")
@client_verb
def lift(api: Api, digest: str) -> None:
    """Let a purged DIGEST be pushed again. What was purged does not come back by that."""
    api.client.delete(f"/purges/{segment(digest)}")
    api.show({"digest": digest}, f"{plain(digest)} may be pushed again")


def _harm(harm: dict[str, Any]) -> list[str]:
    """What breaks, in lines."""
    lines = [
        f"purging {plain(harm['digest'])} ({size_text(harm['size'])}), which "
        f"{counted(harm['shown_in'], 'repository shows', 'repositories show')}:"
    ]
    named = [
        ("is gone from", harm["repositories"]),
        ("ends the tag", [f"{each['repository']}:{each['name']}" for each in harm["tags"]]),
        ("breaks", [f"{each['repository']}@{each['name']}" for each in harm["users"]]),
        ("leaves without its subject", [f"{each['repository']}@{each['name']}" for each in harm["referrers"]]),
    ]
    for words, things in named:
        lines += [f"  {words} {plain(thing)}" for thing in things[:_SHOWN]]
        if len(things) > _SHOWN:
            lines.append(f"  ... and {len(things) - _SHOWN} more; --json shows them")
    if harm["hidden"]:
        lines.append("  and there is more that you may not be told of, or that is too much to show")
    return lines
