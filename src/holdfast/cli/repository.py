"""`holdfast repository`: repositories of the registry that one is logged in to, as things that come and go."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.changes import ask_change
from holdfast.cli.client import segment
from holdfast.cli.confirming import confirm, counted, description_of, label_changes
from holdfast.cli.filters import FILTER, filters_of
from holdfast.cli.images import image_name
from holdfast.cli.output import Api, client_verb, plain, show_facts, when
from holdfast.cli.sizes import size_text

_REPOSITORY = """\b
Examples:
  holdfast repository list shop
  holdfast repository show shop/web
  holdfast repository delete shop/web
  holdfast repository restore shop/web
  holdfast repository change private --below shop
"""
_CHANGE = """\b
Examples:
  holdfast repository change private shop/web shop/api
  holdfast repository change public --below open --dry-run
  holdfast repository change delete --below ci --filter idle_since=180d
"""
_CREATE = """\b
Examples:
  holdfast repository create shop/web
  holdfast repository create shop/web --description "The shop." --label tier=1
"""
_LIST = """\b
Examples:
  holdfast repository list
  holdfast repository list shop --label tier=1
  holdfast repository list --deleted
"""
_SHOW = """\b
Examples:
  holdfast repository show shop/web
"""
_DESCRIBE = """\b
Examples:
  holdfast repository describe shop/web "The shop."
  holdfast repository describe shop/web --file README.md
"""
_LABEL = """\b
Examples:
  holdfast repository label shop/web tier=1 team=blue
  holdfast repository label shop/web --remove tier
"""
_DELETE = """\b
Examples:
  holdfast repository delete shop/web --dry-run
  holdfast repository delete shop/web
"""
_RESTORE = """\b
Examples:
  holdfast repository restore shop/web
"""


@click.group(epilog=_REPOSITORY)
def repository() -> None:
    """Make, describe, list, delete and restore repositories. (A push makes its repository by itself.)"""


@repository.command(epilog=_CREATE)
@click.argument("name")
@click.option("--description", metavar="TEXT", help="What it is, in Markdown.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@client_verb
def create(api: Api, name: str, *, description: str | None, labels: tuple[str, ...]) -> None:
    """Make the repository NAME, empty."""
    body = {"name": image_name(api.client, name), "labels": label_changes(labels)}
    found = api.client.post("/repositories", body | ({"description": description} if description is not None else {}))
    api.show(found, f"made {plain(found['name'])}")


@repository.command("list", epilog=_LIST)
@click.argument("below", default="")
@click.option("--label", metavar="NAME=VALUE", help="Only with this label.")
@click.option("--deleted", is_flag=True, help="Those that were deleted and can be restored.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="The most lines shown.")
@client_verb
def list_(api: Api, below: str, *, label: str | None, deleted: bool, limit: int) -> None:
    """List the repositories at and below BELOW (without it: all) that you may be told of."""
    if deleted:
        if label is not None:
            raise click.UsageError("deleted repositories cannot be asked for by a label")
        api.show_list(
            api.client.pages("/deleted-repositories", most=limit, below=below),
            ("NAME", "ID", "DELETED", "UNTIL", "NAME IS"),
            lambda each: (
                each["name"],
                each["id"],
                when(each["deleted_at"]),
                when(each["until"]),
                "free" if each["free"] else "taken",
            ),
            "no deleted repository that you may restore",
        )
        return
    api.show_list(
        api.client.pages("/repositories", most=limit, below=below, label=label),
        ("NAME", "CHANGED", "LABELS"),
        lambda each: (each["name"], when(each["changed_at"]), labels_text(each["labels"])),
        "no repository in your sight",
    )


@repository.command(epilog=_SHOW)
@click.argument("name")
@client_verb
def show(api: Api, name: str) -> None:
    """Show a repository: how much it holds, its description and labels."""
    api.show(api.client.get(_where(api, name)), lambda found: show_thing(found, "name"))


@repository.command(epilog=_DESCRIBE)
@click.argument("name")
@click.argument("text", required=False)
@click.option("--file", metavar="FILE", help="The description is in this file; -: on standard input.")
@client_verb
def describe(api: Api, name: str, text: str | None, *, file: str | None) -> None:
    """Describe a repository in Markdown; "" takes the description away."""
    found = api.client.patch(_where(api, name), {"description": given_description(text, file)})
    api.show(found, f"described {plain(found['name'])}")


@repository.command(epilog=_LABEL)
@click.argument("name")
@click.argument("labels", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--remove", multiple=True, metavar="NAME", help="Take this label away; may be repeated.")
@client_verb
def label(api: Api, name: str, *, labels: tuple[str, ...], remove: tuple[str, ...]) -> None:
    """Set labels of a repository, and take labels away."""
    found = api.client.patch(_where(api, name), {"labels": label_changes(labels, remove)})
    api.show(found, f"labels of {plain(found['name'])}: {labels_text(found['labels']) or 'none'}")


@repository.command(epilog=_DELETE)
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Although tags in it may not be deleted: for administrators.")
@client_verb
def delete(api: Api, name: str, *, dry_run: bool, yes: bool, force: bool) -> None:
    """Delete a repository with all that is in it. Inside the history window it can be restored."""
    where = _where(api, name)
    going = api.client.get(f"{where}/deletion")
    if dry_run:
        api.show(going, going_text(image_name(api.client, name), going))
        return
    confirm([going_text(image_name(api.client, name), going)], "Delete it?", yes=yes)
    found = api.client.delete(where, force="true" if force else None)
    api.show(found, f"deleted {plain(found['name'])}; `holdfast repository restore {plain(found['name'])}` undoes it")


@repository.command(epilog=_RESTORE)
@click.argument("name")
@click.option("--id", type=click.IntRange(1), help="That with this number, where several had the name.")
@client_verb
def restore(api: Api, name: str, *, id: int | None) -> None:
    """Bring a deleted repository back, while its name is free."""
    found = api.client.post(f"{_where(api, name)}/restore", {"id": id})
    held = f"{counted(found['tags'], 'tag')}, {size_text(found['bytes'])}"
    api.show(found, f"{plain(found['name'])} is back: {held}")


@repository.command("change", epilog=_CHANGE)
@click.argument("what", metavar="WHAT", type=click.Choice(["public", "private", "delete"]))
@click.argument("name", nargs=-1, metavar="[NAME]...")
@click.option("--below", metavar="NAMESPACE", help="All at and below it that pass the filters.")
@click.option("--filter", "filters", multiple=True, metavar="NAME=VALUE", help=FILTER)
@click.option("--dry-run", is_flag=True, help="Only show what would become of each.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@client_verb
def change(
    api: Api,
    what: str,
    *,
    name: tuple[str, ...],
    below: str | None,
    filters: tuple[str, ...],
    dry_run: bool,
    yes: bool,
) -> None:
    """Make each NAME public or private, or delete it; or all repositories that pass the filters.

    One job does it: what somebody pushed to since it was shown is not deleted, what became of each is told,
    and `holdfast changes undo` takes it back.
    """
    if not name and not filters and below is None:
        raise click.UsageError("name repositories, --below, or a --filter")
    given = {
        "kind": "delete-repository" if what == "delete" else what,
        "below": image_name(api.client, below) if below is not None else None,
        "repositories": [image_name(api.client, each) for each in name] or None,
        **filters_of(filters),
    }
    ask_change(api, "/changes/repositories", given, dry_run=dry_run, yes=yes)


def _where(api: Api, name: str) -> str:
    return f"/repositories/{segment(image_name(api.client, name))}"


def given_description(text: str | None, file: str | None) -> str:
    """The description that was given. Raises `click.UsageError` when there is none."""
    found = description_of(text, file)
    if found is None:
        raise click.UsageError("give the description, or --file")
    return found


def labels_text(labels: dict[str, str]) -> str:
    """Labels on one line."""
    return " ".join(f"{name}={value}" for name, value in labels.items())


def going_text(path: str, going: dict[str, Any]) -> str:
    """What a deletion takes, in sentences."""
    taken = [counted(going["repositories"], "repository", "repositories"), counted(going["tags"], "tag")]
    text = f"deleting {plain(path)} takes {', '.join(taken)}, {size_text(going['bytes'])}; "
    text += f"it can be undone for {going['window']}" if going["window"] != "0s" else "it cannot be undone"
    return text + (f"\nit is held back: {plain(going['held_back'])}" if going["held_back"] else "")


def show_thing(found: dict[str, Any], key: str) -> None:
    """A repository or namespace with its description below."""
    facts = {name: value for name, value in found.items() if name not in ("description", "labels", "bytes")}
    if found["bytes"] is not None:
        facts["size"] = size_text(found["bytes"])
    for name in ("made_at", "changed_at"):
        if facts.get(name):
            facts[name] = when(facts[name])
    if found["labels"]:
        facts["labels"] = labels_text(found["labels"])
    show_facts({key: facts.pop(key), **facts})
    if found["description"]:
        click.echo()
        for line in found["description"].splitlines():
            click.echo(plain(line.replace("\t", "    ")))
