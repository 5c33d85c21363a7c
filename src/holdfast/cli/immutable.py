"""`holdfast immutable`: which tags may not move and not be deleted, on the registry that one is logged in to."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.output import Api, client_verb, plain
from holdfast.cli.settings_tree import change_setting, source_of

_IMMUTABLE = """\b
Examples:
  holdfast immutable set team 'v*' --except '*-dev'
  holdfast immutable show team/app
"""
_SET = """\b
Examples:
  holdfast immutable set team 'v*' --except '*-dev'
  holdfast immutable set team/app 'v*' 'release-*' --allow-delete
  holdfast immutable set team/app nightly --allow-move --add
  holdfast immutable set team/scratch --none
"""
_SHOW = """\b
Examples:
  holdfast immutable show team/app
"""
_UNSET = """\b
Examples:
  holdfast immutable unset team/app
"""


@click.group(epilog=_IMMUTABLE)
def immutable() -> None:
    """See and set which tags may not move to another digest, and which may not be deleted.

    The rules of the nearest path that has any hold, all of them and no others.
    """


@immutable.command("set", epilog=_SET)
@click.argument("path")
@click.argument("globs", nargs=-1, metavar="[TAG-GLOB]...")
@click.option("--except", "exceptions", multiple=True, metavar="TAG-GLOB", help="Not these; may be repeated.")
@click.option("--allow-move", is_flag=True, help="The tags may move; they may not be deleted.")
@click.option("--allow-delete", is_flag=True, help="The tags may be deleted; they may not move.")
@click.option("--add", "adding", is_flag=True, help="Keep the rules that PATH has itself, and add these.")
@click.option("--none", "nothing", is_flag=True, help="No tag is immutable here, whatever the paths above say.")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@client_verb
def set_(
    api: Api,
    path: str,
    *,
    globs: tuple[str, ...],
    exceptions: tuple[str, ...],
    allow_move: bool,
    allow_delete: bool,
    adding: bool,
    nothing: bool,
    dry_run: bool,
) -> None:
    """Let the tags of PATH ("": everything) and below that match a TAG-GLOB neither move nor be deleted.

    They replace the rules of PATH. Putting the digest that a tag has already is always allowed, and signatures of an
    image (tags that belong to a digest) are never held.
    """
    if nothing == bool(globs):
        raise click.UsageError("give the tags, or --none")
    rules = ["none"] if nothing else [_rule(glob, exceptions, move=allow_move, delete=allow_delete) for glob in globs]
    if adding:
        held = api.client.get("/settings/immutable", path=path)
        if held["set_at"] == path and held["value"] != "none":
            rules = [held["value"], *rules]
    change_setting(api, path, "immutable", "; ".join(rules), dry_run=dry_run)


@immutable.command(epilog=_SHOW)
@click.argument("path", default="")
@client_verb
def show(api: Api, path: str) -> None:
    """Show which tags of PATH are immutable, and which path says so."""
    api.show(api.client.get("/settings/immutable", path=path), _show)


@immutable.command(epilog=_UNSET)
@click.argument("path")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@client_verb
def unset(api: Api, path: str, *, dry_run: bool) -> None:
    """Take the rules of PATH away, so that those of the nearest path above hold."""
    change_setting(api, path, "immutable", None, dry_run=dry_run)


def _rule(glob: str, exceptions: tuple[str, ...], *, move: bool, delete: bool) -> str:
    words = [glob, *(f"except {each}" for each in exceptions)]
    return " ".join([*words, *(["allow-move"] * move), *(["allow-delete"] * delete)])


def _show(held: Any) -> None:
    where = plain(held["path"]) or "everything"
    said = source_of(held["source"], held["set_at"], held["path"])
    if held["value"] == "none":
        click.echo(f"no tag of {where} is immutable ({said})")
        return
    click.echo(f"immutable tags of {where} ({said}):")
    for rule in held["value"].split("; "):
        click.echo(f"  {plain(rule)}")
