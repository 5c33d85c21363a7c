"""`holdfast group`: groups and their members, on the registry that one is logged in to."""

from __future__ import annotations

import click

from holdfast.cli.client import segment
from holdfast.cli.output import Api, client_verb, plain, when

_GROUP = """\b
Examples:
  holdfast group create developers
  holdfast group add developers dora
  holdfast group members developers
"""
_LIST = """\b
Examples:
  holdfast group list
"""
_SHOW = """\b
Examples:
  holdfast group show developers
"""
_CREATE = """\b
Examples:
  holdfast group create developers --description "everyone who builds"
"""
_DELETE = """\b
Examples:
  holdfast group delete developers
"""
_MEMBERS = """\b
Examples:
  holdfast group members developers
  holdfast group members corp/developers
"""
_ADD = """\b
Examples:
  holdfast group add developers dora
  holdfast group add pipelines robot:shop+builder
"""
_REMOVE = """\b
Examples:
  holdfast group remove developers dora
"""


@click.group(epilog=_GROUP)
def group() -> None:
    """See and keep groups. A sign-in provider's groups (PROVIDER/NAME) change when its people sign in."""


@group.command("list", epilog=_LIST)
@client_verb
def list_(api: Api) -> None:
    """List the groups that you may see."""
    api.show_list(
        api.client.pages("/groups"),
        ("GROUP", "FOR", "FROM", "MADE", "BY"),
        lambda each: (each["name"], each["description"], each["provider"], when(each["made_at"]), each["made_by"]),
        "no groups in your sight",
    )


@group.command(epilog=_SHOW)
@click.argument("name")
@client_verb
def show(api: Api, name: str) -> None:
    """Show everything about the group NAME."""
    api.show(api.client.get(_path(name)))


@group.command(epilog=_CREATE)
@click.argument("name")
@click.option("--description", metavar="TEXT", help="What for.")
@client_verb
def create(api: Api, name: str, *, description: str | None) -> None:
    """Make the group NAME, without members and rights."""
    made = api.client.post("/groups", {"name": name, "description": description})
    api.show(made, f"made {plain(made['subject'])}")


@group.command(epilog=_DELETE)
@click.argument("name")
@client_verb
def delete(api: Api, name: str) -> None:
    """Delete the group NAME and the grants that name it; the name stays reserved."""
    api.client.delete(_path(name))
    api.show({"deleted": f"group:{name}"}, f"deleted group:{plain(name)}; the name stays reserved")


@group.command(epilog=_MEMBERS)
@click.argument("name")
@client_verb
def members(api: Api, name: str) -> None:
    """List the members of the group NAME."""
    api.show_list(
        api.client.pages(f"{_path(name)}/members"), ("MEMBER",), lambda each: (each["subject"],), "no members"
    )


@group.command(epilog=_ADD)
@click.argument("name")
@click.argument("member", nargs=-1, required=True)
@client_verb
def add(api: Api, name: str, member: tuple[str, ...]) -> None:
    """Make each MEMBER (a user's name, or a SUBJECT) a member of the group NAME."""
    for each in member:
        api.client.put(_member(name, each))
    api.show({"added": list(map(subject, member))}, f"added {plain(list(map(subject, member)))} to {plain(name)}")


@group.command(epilog=_REMOVE)
@click.argument("name")
@click.argument("member", nargs=-1, required=True)
@client_verb
def remove(api: Api, name: str, member: tuple[str, ...]) -> None:
    """Take each MEMBER out of the group NAME; it holds at the next request."""
    for each in member:
        api.client.delete(_member(name, each))
    gone = list(map(subject, member))
    api.show({"removed": gone}, f"took {plain(gone)} out of {plain(name)}")


def subject(text: str) -> str:
    """A subject; a name alone is a user, with a `+` a robot."""
    if ":" in text or text == "anonymous":
        return text
    return f"robot:{text}" if "+" in text else f"user:{text}"


def _path(name: str) -> str:
    return f"/groups/{segment(name.removeprefix('group:'))}"


def _member(name: str, member: str) -> str:
    return f"{_path(name)}/members/{segment(subject(member))}"
