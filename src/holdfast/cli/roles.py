"""`holdfast role`: what a grant gives, on the registry that one is logged in to."""

from __future__ import annotations

import click

from holdfast.cli.client import segment
from holdfast.cli.output import Api, client_verb, plain

_ROLE = """\b
Examples:
  holdfast role list
  holdfast role create signer --action sign --action pull
"""
_LIST = """\b
Examples:
  holdfast role list
"""
_SHOW = """\b
Examples:
  holdfast role show writer
"""
_CREATE = """\b
Examples:
  holdfast role create signer --action sign --action pull
\b
Actions at tags: pull, create-tag, overwrite, delete-tag, sign. Actions of repositories: create-repository, list,
settings, delete-repository, manage-access, read-audit.
"""
_CHANGE = """\b
Examples:
  holdfast role change signer --action sign --action pull --action list
\b
The new list takes the place of the old one, everywhere the role is used, from the next request on.
"""
_DELETE = """\b
Examples:
  holdfast role delete signer
"""
_action = click.option("--action", "actions", multiple=True, metavar="ACTION", help="May be repeated.")


@click.group(epilog=_ROLE)
def role() -> None:
    """See and keep roles: built-in ones, and lists of actions of your own."""


@role.command("list", epilog=_LIST)
@client_verb
def list_(api: Api) -> None:
    """List roles and what each may."""
    api.show_list(
        api.client.pages("/roles"),
        ("ROLE", "MAY", "FOR", "MADE BY"),
        lambda each: (
            each["name"],
            each["actions"],
            each["description"],
            "built in" if each["built_in"] else each["made_by"],
        ),
        "no roles",
    )


@role.command(epilog=_SHOW)
@click.argument("name")
@client_verb
def show(api: Api, name: str) -> None:
    """Show everything about the role NAME."""
    api.show(api.client.get(_path(name)))


@role.command(epilog=_CREATE)
@click.argument("name")
@_action
@click.option("--description", metavar="TEXT", help="What for.")
@client_verb
def create(api: Api, name: str, *, actions: tuple[str, ...], description: str | None) -> None:
    """Make the role NAME; it gives nobody anything until it is granted."""
    if not actions:
        raise click.UsageError("give at least one --action")
    made = api.client.post("/roles", {"name": name, "actions": list(actions), "description": description})
    api.show(made, f"made the role {plain(made['name'])}: {plain(made['actions'])}")


@role.command(epilog=_CHANGE)
@click.argument("name")
@_action
@click.option("--description", metavar="TEXT", help="What for; '' takes it away.")
@client_verb
def change(api: Api, name: str, *, actions: tuple[str, ...], description: str | None) -> None:
    """Give the role NAME another list of actions, or another description."""
    body: dict[str, object] = {}
    if actions:
        body["actions"] = list(actions)
    if description is not None:
        body["description"] = description or None
    if not body:
        raise click.UsageError("there is nothing to change: give --action or --description")
    changed = api.client.patch(_path(name), body)
    api.show(changed, f"the role {plain(changed['name'])} may now: {plain(changed['actions'])}")


@role.command(epilog=_DELETE)
@click.argument("name")
@client_verb
def delete(api: Api, name: str) -> None:
    """Delete the role NAME, if no grant names it."""
    api.client.delete(_path(name))
    api.show({"deleted": name}, f"deleted the role {plain(name)}")


def _path(name: str) -> str:
    return f"/roles/{segment(name)}"
