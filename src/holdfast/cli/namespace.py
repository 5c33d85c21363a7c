"""`holdfast namespace`: the tree of paths above the repositories, on the registry that one is logged in to."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.client import segment
from holdfast.cli.confirming import confirm, counted, label_changes
from holdfast.cli.output import Api, client_verb, plain
from holdfast.cli.progress import follow
from holdfast.cli.repository import given_description, going_text, labels_text, show_thing
from holdfast.cli.sizes import size_text

_NAMESPACE = """\b
Examples:
  holdfast namespace list
  holdfast namespace create shop --description "All of the shop."
  holdfast namespace show shop
  holdfast namespace delete shop/old
"""
_CREATE = """\b
Examples:
  holdfast namespace create shop
  holdfast namespace create shop --description "All of the shop." --label cost-centre=4711
"""
_LIST = """\b
Examples:
  holdfast namespace list
  holdfast namespace list shop
"""
_SHOW = """\b
Examples:
  holdfast namespace show shop
"""
_DESCRIBE = """\b
Examples:
  holdfast namespace describe shop "All of the shop."
  holdfast namespace describe shop --file README.md
"""
_LABEL = """\b
Examples:
  holdfast namespace label shop cost-centre=4711
  holdfast namespace label shop --remove cost-centre
"""
_DELETE = """\b
Examples:
  holdfast namespace delete shop/old --dry-run
  holdfast namespace delete shop/old
"""
_RESTORE = """\b
Examples:
  holdfast namespace restore shop/old
"""


@click.group(epilog=_NAMESPACE)
def namespace() -> None:
    """Make, describe, list, delete and restore namespaces: paths with everything below them."""


@namespace.command(epilog=_CREATE)
@click.argument("path")
@click.option("--description", metavar="TEXT", help="What it is, in Markdown.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@client_verb
def create(api: Api, path: str, *, description: str | None, labels: tuple[str, ...]) -> None:
    """Make PATH a namespace before anything is in it. (A push makes those of its repository by itself.)"""
    body = {"path": path, "labels": label_changes(labels)}
    found = api.client.post("/namespaces", body | ({"description": description} if description is not None else {}))
    api.show(found, f"made {plain(found['path'])}")


@namespace.command("list", epilog=_LIST)
@click.argument("below", default="")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="The most lines shown.")
@client_verb
def list_(api: Api, below: str, *, limit: int) -> None:
    """List the namespaces right below BELOW (without it: the first segments) that you may be told of."""
    api.show_list(
        api.client.pages("/namespaces", most=limit, below=below),
        ("NAMESPACE", "LABELS", "DESCRIPTION"),
        lambda each: (each["path"], labels_text(each["labels"]), each["description"].partition("\n")[0]),
        "no namespace in your sight",
    )


@namespace.command(epilog=_SHOW)
@click.argument("path")
@client_verb
def show(api: Api, path: str) -> None:
    """Show a namespace: how much is in it, its description and labels. `holdfast settings PATH` shows its settings."""
    api.show(api.client.get(_where(path)), lambda found: show_thing(found, "path"))


@namespace.command(epilog=_DESCRIBE)
@click.argument("path")
@click.argument("text", required=False)
@click.option("--file", metavar="FILE", help="The description is in this file; -: on standard input.")
@client_verb
def describe(api: Api, path: str, text: str | None, *, file: str | None) -> None:
    """Describe a namespace in Markdown; "" takes the description away."""
    found = api.client.patch(_where(path), {"description": given_description(text, file)})
    api.show(found, f"described {plain(found['path'])}")


@namespace.command(epilog=_LABEL)
@click.argument("path")
@click.argument("labels", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--remove", multiple=True, metavar="NAME", help="Take this label away; may be repeated.")
@client_verb
def label(api: Api, path: str, *, labels: tuple[str, ...], remove: tuple[str, ...]) -> None:
    """Set labels of a namespace, and take labels away."""
    found = api.client.patch(_where(path), {"labels": label_changes(labels, remove)})
    api.show(found, f"labels of {plain(found['path'])}: {labels_text(found['labels']) or 'none'}")


@namespace.command(epilog=_DELETE)
@click.argument("path")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Although tags in it may not be deleted: for administrators.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the end.")
@client_verb
def delete(api: Api, path: str, *, dry_run: bool, yes: bool, force: bool, no_wait: bool) -> None:
    """Delete every repository at and below PATH. Inside the history window they can be restored."""
    going = api.client.get(f"{_where(path)}/deletion")
    if dry_run:
        api.show(going, going_text(path, going))
        return
    confirm([going_text(path, going)], f"Delete everything at and below {plain(path)}?", yes=yes)
    job = api.client.delete(_where(path), force="true" if force else None)
    _end(api, job, f"deleting {path}", "deleted", wait=not no_wait)


@namespace.command(epilog=_RESTORE)
@click.argument("path")
@click.option("--no-wait", is_flag=True, help="Do not wait for the end.")
@client_verb
def restore(api: Api, path: str, *, no_wait: bool) -> None:
    """Bring back everything deleted at and below PATH, where the name is free."""
    job = api.client.post(f"{_where(path)}/restore")
    _end(api, job, f"restoring {path}", "restored", wait=not no_wait)


def _end(api: Api, job: dict[str, Any], title: str, done: str, *, wait: bool) -> None:
    found = follow(api, job, title) if wait else job
    result = found["result"]
    if result is None:
        api.show(found, f"job {found['id']} does it: `holdfast jobs follow {found['id']}` shows it")
        return
    text = f"{done} {counted(result['repositories'], 'repository', 'repositories')}, "
    text += f"{counted(result['tags'], 'tag')}, {size_text(result['bytes'])}"
    if result["kept"]:
        text += f"; left as they are: {plain(result['kept'])}"
    api.show(found, text)


def _where(path: str) -> str:
    return f"/namespaces/{segment(path)}"
