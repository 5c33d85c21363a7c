"""`holdfast settings`: what holds at a path of the registry that one is logged in to, and where each value comes
from."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.output import Api, client_verb, plain, show_table

_SETTINGS = """\b
Examples:
  holdfast settings team/app
  holdfast settings set team window 90d
  holdfast settings reset team/app window
"""
_SHOW = """\b
Examples:
  holdfast settings show team/app
  holdfast settings show
"""
_SET = """\b
Examples:
  holdfast settings set team window 90d
  holdfast settings set team window 90d --dry-run
  holdfast settings set "" sparse-indexes true
"""
_RESET = """\b
Examples:
  holdfast settings reset team/app window
"""


class _PathFirst(click.Group):
    """A group whose first word is a path unless it is one of its verbs: `settings PATH` is `settings show PATH`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_PathFirst, epilog=_SETTINGS)
def settings() -> None:
    """See and change what holds at a path and below: a value counts until a longer path says another."""


@settings.command(epilog=_SHOW)
@click.argument("path", default="")
@client_verb
def show(api: Api, path: str) -> None:
    """Show every setting at PATH (without it: everything), what says it, and what that overrides."""
    api.show(api.client.get("/settings", path=path), _show)


@settings.command("set", epilog=_SET)
@click.argument("path")
@click.argument("name")
@click.argument("value")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@client_verb
def set_(api: Api, path: str, name: str, value: str, *, dry_run: bool) -> None:
    """Let VALUE be the setting NAME of PATH ("": everything), and of all below it that has none of its own."""
    change_setting(api, path, name, value, dry_run=dry_run)


@settings.command(epilog=_RESET)
@click.argument("path")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@client_verb
def reset(api: Api, path: str, name: str, *, dry_run: bool) -> None:
    """Let the setting NAME of PATH be as that of the nearest path above it."""
    change_setting(api, path, name, None, dry_run=dry_run)


def change_setting(api: Api, path: str, name: str, value: str | None, *, dry_run: bool) -> None:
    """Set (None: reset) a setting, and say what that changes."""
    where = f"/settings/{name}"
    if value is None:
        found = api.client.delete(where, path=path, dry_run="true" if dry_run else None)
    else:
        found = api.client.put(where, {"path": path, "value": value, "dry_run": dry_run})
    api.show(found, said_of(found))


def said_of(found: dict[str, Any]) -> str:
    """What a change of a setting does, in a sentence."""
    held = found["setting"]
    would = "" if found["applied"] else "would be "
    now = "is" if found["applied"] else "be"
    where = plain(held["path"]) or "everything"
    count = found["changed"]
    more = "at least " if found["at_least"] else ""
    return (
        f"{plain(held['name'])} of {where} {'would ' if would else ''}{now} {plain(held['value'])} "
        f"({source_of(held['source'], held['set_at'], held['path'])}): "
        f"{count} {'repository changes' if count == 1 else 'repositories change'}, "
        f"{more}{found['overriding']} override"
    )


def source_of(source: str, set_at: str | None, path: str) -> str:
    """What says a value, for people."""
    if source != "path":
        return source
    if set_at == path:
        return "set here"
    return f"from {plain(set_at) or 'everything'}"


def _show(found: Any) -> None:
    rows = [
        (
            held["name"],
            held["value"],
            source_of(held["source"], held["set_at"], held["path"]),
            "; ".join(
                f"{plain(each['value'])} ({source_of(each['source'], each['path'], held['path'])})"
                for each in held["overrides"]
            ),
        )
        for held in found["settings"]
    ]
    show_table(("SETTING", "VALUE", "WHERE", "INSTEAD OF"), rows)
