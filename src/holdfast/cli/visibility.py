"""`holdfast visibility`: what is open to everyone, on the registry that one is logged in to."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.output import Api, client_verb, plain

_VISIBILITY = """\b
Examples:
  holdfast visibility set shop/public public
  holdfast visibility show shop/public/tool
"""
_SHOW = """\b
Examples:
  holdfast visibility show shop/public/tool
"""
_SET = """\b
Examples:
  holdfast visibility set shop/public public
  holdfast visibility set shop/public/secret private
"""
_RESET = """\b
Examples:
  holdfast visibility reset shop/public/secret
"""


@click.group(epilog=_VISIBILITY)
def visibility() -> None:
    """See and set what everyone may pull without logging in; everything is private until a path says otherwise."""


@visibility.command(epilog=_SHOW)
@click.argument("path")
@client_verb
def show(api: Api, path: str) -> None:
    """Show whether PATH is public, and which path says so."""
    found = api.client.get("/visibility", path=path)
    api.show(found, _said(found))


@visibility.command("set", epilog=_SET)
@click.argument("path")
@click.argument("word", type=click.Choice(["public", "private"]))
@client_verb
def set_(api: Api, path: str, word: str) -> None:
    """Make PATH, and all below it that does not say otherwise, public or private."""
    found = api.client.put("/visibility", {"path": path, "visibility": word})
    api.show(found, _said(found))


@visibility.command(epilog=_RESET)
@click.argument("path")
@client_verb
def reset(api: Api, path: str) -> None:
    """Let PATH be as the nearest path above it."""
    found = api.client.delete("/visibility", path=path)
    api.show(found, _said(found))


def _said(found: dict[str, Any]) -> str:
    where = plain(found["path"]) or "everything"
    if found["set_at"] is None:
        return f"{where} is {found['visibility']}: no path says otherwise"
    if found["set_at"] == found["path"]:
        return f"{where} is {found['visibility']}"
    return f"{where} is {found['visibility']}, as {plain(found['set_at']) or 'everything'} is"
