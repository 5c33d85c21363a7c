"""`holdfast changes`: what becomes of several tags or repositories that one job changes, and what the verbs that ask
for such a change share."""

from __future__ import annotations

import sys
from typing import Any

import click

from holdfast.cli.confirming import confirm, counted
from holdfast.cli.output import REFUSED, Api, client_verb, plain, show_table, when
from holdfast.cli.progress import follow

_CHANGES = """\b
Examples:
  holdfast changes list
  holdfast changes show 12
  holdfast changes start 12
  holdfast changes undo 12
"""
_LIST = """\b
Examples:
  holdfast changes list
  holdfast changes list shop --state ended --json
"""
_SHOW = """\b
Examples:
  holdfast changes show 12
  holdfast changes show 12 --outcome left --json
"""
_START = """\b
Examples:
  holdfast changes start 12 --yes
"""
_UNDO = """\b
Examples:
  holdfast changes undo 12 --yes
"""
_SHOWN = 20
_STATES = ("making", "looked at", "running", "ended")
_OUTCOMES = ("waits", "done", "left", "stays")
_TITLES = {
    "delete": "delete",
    "retag": "retag",
    "label": "label",
    "promote": "promote",
    "protect": "protect",
    "public": "make public",
    "private": "make private",
    "delete-repository": "delete",
}


@click.group(epilog=_CHANGES)
def changes() -> None:
    """See, start and take back changes of several tags or repositories, which you looked at."""


@changes.command("list", epilog=_LIST)
@click.argument("path", required=False, default="")
@click.option("--state", type=click.Choice(_STATES), help="Only in this state.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="The most changes shown.")
@client_verb
def list_(api: Api, path: str, *, state: str | None, limit: int) -> None:
    """List changes, newest first: those that you looked at, and others' where you run the registry or own PATH.

    PATH, a repository or a namespace: only changes there and below. They are told for 30 days.
    """
    found = list(api.client.pages("/changes", most=limit, path=path or None, state=state))
    if api.as_json:
        api.show({"changes": found})
    elif not found:
        click.echo("no changes")
    else:
        show_table(("ID", "CHANGE", "WHERE", "STATE", "CHANGED", "LEFT", "BY", "MADE"), [_line(each) for each in found])


@changes.command(epilog=_SHOW)
@click.argument("change", type=click.IntRange(1))
@click.option("--outcome", type=click.Choice(_OUTCOMES), help="Only what became this.")
@client_verb
def show(api: Api, change: int, *, outcome: str | None) -> None:
    """Show CHANGE: what would become of each tag or repository, or what did, and why not."""
    show_change(api, api.client.get(f"/changes/{change}"), outcome=outcome)


@changes.command(epilog=_START)
@click.argument("change", type=click.IntRange(1))
@click.option("--yes", is_flag=True, help="Do not ask.")
@client_verb
def start(api: Api, change: int, *, yes: bool) -> None:
    """Let CHANGE, which was looked at with --dry-run, be done: exactly what it shows, but what moved since."""
    start_change(api, api.client.get(f"/changes/{change}"), yes=yes)


@changes.command(epilog=_UNDO)
@click.argument("change", type=click.IntRange(1))
@click.option("--yes", is_flag=True, help="Do not ask.")
@client_verb
def undo(api: Api, change: int, *, yes: bool) -> None:
    """Take back what CHANGE did; what was pushed since stays."""
    found = api.client.get(f"/changes/{change}")
    going = [f"change {change} would be taken back: {_title(found)}, {found['counts']['done']:,} changed"]
    confirm(going, f"Take change {change} back?", yes=yes)
    _follow(api, api.client.post(f"/changes/{change}/undo"))


def ask_change(api: Api, path: str, given: dict[str, Any], *, dry_run: bool, yes: bool) -> None:
    """Look at a change; without `dry_run` ask, unless `yes`, and let it be done."""
    found = api.client.post(path, {name: value for name, value in given.items() if value is not None})
    if not dry_run:
        start_change(api, found, yes=yes)
        return
    show_change(api, found)
    if not api.as_json and found["counts"]["waits"]:
        click.echo(f"let it be done with: holdfast changes start {found['id']}")


def start_change(api: Api, found: dict[str, Any], *, yes: bool) -> None:
    """Ask, unless `yes`; then let a change that was looked at be done, and tell what became of it."""
    if not found["counts"]["waits"]:
        show_change(api, found)
        click.echo("holdfast: nothing of this can be changed", err=True)
        sys.exit(REFUSED)
    going = []
    if not yes:
        first = list(api.client.pages(f"/changes/{found['id']}/items", most=_SHOWN, outcome="waits"))
        going = [_would(found, each) for each in first]
        if (more := found["counts"]["waits"] - len(first)) > 0:
            going.append(f"... and {more:,} more")
        if found["counts"]["stays"]:
            going.append(f"{found['counts']['stays']:,} stay as they are: holdfast changes show {found['id']}")
    confirm(going, f"{_title(found).capitalize()}?", yes=yes)
    _follow(api, api.client.post(f"/changes/{found['id']}/start"))


def show_change(api: Api, found: dict[str, Any], *, outcome: str | None = None) -> None:
    """Show a change, and each tag or repository of it."""
    items = list(api.client.pages(f"/changes/{found['id']}/items", outcome=outcome))
    if api.as_json:
        api.show({**found, "items": items})
        return
    if items:
        show_table(("OUTCOME", "NAME", "NEW NAME", "WHY"), [_row(each) for each in items])
    click.echo(_said(found))


def _follow(api: Api, begun: dict[str, Any]) -> None:
    follow(api, api.client.get(f"/jobs/{begun['job']}"), f"change {begun['id']}")
    ended = api.client.get(f"/changes/{begun['id']}")
    left = list(api.client.pages(f"/changes/{begun['id']}/items", outcome="left"))
    if api.as_json:
        api.show({**ended, "items": left})
    else:
        if left:
            show_table(("OUTCOME", "NAME", "NEW NAME", "WHY"), [_row(each) for each in left])
        click.echo(_said(ended))
        if not ended["undoes"] and ended["counts"]["done"]:
            click.echo(f"take it back with: holdfast changes undo {ended['id']}")
    if left:
        sys.exit(REFUSED)


def _row(item: dict[str, Any]) -> tuple[str, str, str, str]:
    return item["outcome"], item["name"], item["renamed"] or "", item["why"]


def _line(found: dict[str, Any]) -> tuple[str, ...]:
    counts, total = found["counts"], sum(found["counts"].values())
    what = f"{'take back: ' if found['undoes'] else ''}{_titled(found, total)}"
    done = "" if found["state"] in ("making", "looked at") else f"{counts['done']:,}"
    left = "" if found["state"] in ("making", "looked at") else f"{counts['left']:,}"
    where, made = plain(found["path"] or "everything"), when(found["made_at"])
    return str(found["id"]), what, where, found["state"], done, left, plain(found["by"]), made


def _would(found: dict[str, Any], item: dict[str, Any]) -> str:
    new = f" as {plain(item['renamed'])}" if item["renamed"] else ""
    return f"{_TITLES[found['kind']]} {plain(item['name'])}{new}{', which moves' if new and item['before'] else ''}"


def _title(found: dict[str, Any]) -> str:
    count = found["counts"]["waits"] + found["counts"]["done"]
    return f"{_titled(found, count)} in {plain(found['path'] or 'everything')}"


def _titled(found: dict[str, Any], count: int) -> str:
    of_repositories = found["kind"] in ("public", "private", "delete-repository")
    one, many = ("repository", "repositories") if of_repositories else ("tag", "tags")
    return f"{_TITLES[found['kind']]} {counted(count, one, many)}"


def _said(found: dict[str, Any]) -> str:
    counts = found["counts"]
    said = f"change {found['id']}, {_title(found)}: {found['state']}"
    if found["state"] == "looked at":
        said += f"; {counts['waits']:,} would change, {counts['stays']:,} stay"
    else:
        said += f"; {counts['done']:,} changed, {counts['left']:,} left, {counts['waits']:,} wait"
    if found["newer"]:
        said += f"; {found['newer']:,} put since stay"
    if found["protection"]:
        said += f"; the rules would be: {plain(found['protection']['then'])}"
    if found["undone_by"]:
        said += f"; taken back by change {found['undone_by']}"
    return said + (f"; ended {when(found['ended_at'])}" if found["ended_at"] else "")
