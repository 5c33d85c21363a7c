"""`holdfast user`: people, on the registry that one is logged in to."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.client import segment
from holdfast.cli.login import read_secret
from holdfast.cli.output import Api, client_verb, plain, when

_USER = """\b
Examples:
  printf %s "$PASSWORD" | holdfast user create dora --password-stdin
  holdfast user list
  holdfast user disable dora
"""
_LIST = """\b
Examples:
  holdfast user list
  holdfast user list --json
"""
_SHOW = """\b
Examples:
  holdfast user show dora
"""
_CREATE = """\b
Examples:
  printf %s "$PASSWORD" | holdfast user create dora --password-stdin
  holdfast user create dora --display "Dora Muster"      asks for the password
  holdfast user create dora --no-password                cannot log in until one is set
\b
A new user may do nothing: `holdfast grant add user:dora reader 'shop/**'`.
"""
_CHANGE = """\b
Examples:
  holdfast user change dora --display "Dora Muster" --description "web team"
"""
_DISABLE = """\b
Examples:
  holdfast user disable dora
"""
_ENABLE = """\b
Examples:
  holdfast user enable dora
"""
_DELETE = """\b
Examples:
  holdfast user delete dora
"""
_SET = """\b
Examples:
  printf %s "$PASSWORD" | holdfast user password dora --password-stdin
  holdfast user password dora                            asks for it; for your own the old one, too
"""


_FACTOR = """\b
Examples:
  holdfast user second-factor reset dora
"""


@click.group(epilog=_USER)
def user() -> None:
    """See and keep the people of a registry."""


@user.command("list", epilog=_LIST)
@client_verb
def list_(api: Api) -> None:
    """List users: all for an administrator, yourself for everyone else."""
    api.show_list(
        api.client.pages("/users"),
        ("USER", "NAME", "SIGNS IN BY", "STATE", "MADE"),
        lambda each: (
            each["name"],
            each["display"],
            each["provider"] or _by_password(each),
            "disabled" if each["disabled"] else "",
            when(each["made_at"]),
        ),
        "no users",
    )


@user.command(epilog=_SHOW)
@click.argument("name")
@client_verb
def show(api: Api, name: str) -> None:
    """Show everything about the user NAME."""
    api.show(api.client.get(_path(name)))


@user.command(epilog=_CREATE)
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--no-password", is_flag=True, help="Without a password for now.")
@click.option("--display", metavar="TEXT", help="The person's name.")
@click.option("--description", metavar="TEXT", help="What for.")
@client_verb
def create(
    api: Api, name: str, *, password_stdin: bool, no_password: bool, display: str | None, description: str | None
) -> None:
    """Make the user NAME, who may do nothing yet. For administrators."""
    if password_stdin and no_password:
        raise click.UsageError("--password-stdin and --no-password exclude each other")
    password = None if no_password else read_secret(from_stdin=password_stdin, prompt="Password", confirm=True)
    body = {"name": name, "password": password, "display": display, "description": description}
    made = api.client.post("/users", body)
    api.show(made, f"made {plain(made['subject'])}, who may do nothing yet: `holdfast grant add` changes that")


@user.command(epilog=_CHANGE)
@click.argument("name")
@click.option("--display", metavar="TEXT", help="The person's name; '' takes it away.")
@click.option("--description", metavar="TEXT", help="What for; '' takes it away.")
@client_verb
def change(api: Api, name: str, *, display: str | None, description: str | None) -> None:
    """Change what describes the user NAME. For administrators."""
    given = {"display": display, "description": description}
    body = {field: value or None for field, value in given.items() if value is not None}
    if not body:
        raise click.UsageError("there is nothing to change: give --display or --description")
    changed = api.client.patch(_path(name), body)
    api.show(changed, f"changed {plain(changed['subject'])}")


@user.command(epilog=_DISABLE)
@click.argument("name")
@client_verb
def disable(api: Api, name: str) -> None:
    """Refuse the user NAME from the next request on, by whatever credential. For administrators."""
    changed = api.client.post(f"{_path(name)}/disable")
    api.show(changed, f"{plain(changed['subject'])} is disabled: refused from now on, on every node")


@user.command(epilog=_ENABLE)
@click.argument("name")
@client_verb
def enable(api: Api, name: str) -> None:
    """Let the user NAME in again, with the rights and keys of before. For administrators."""
    changed = api.client.post(f"{_path(name)}/enable")
    api.show(changed, f"{plain(changed['subject'])} is enabled")


@user.command(epilog=_DELETE)
@click.argument("name")
@client_verb
def delete(api: Api, name: str) -> None:
    """Delete the user NAME with keys, memberships and grants; the name stays reserved. For administrators."""
    api.client.delete(_path(name))
    api.show({"deleted": f"user:{name}"}, f"deleted user:{plain(name)}; the name stays reserved")


@user.group("second-factor", epilog=_FACTOR)
def second_factor() -> None:
    """The second factor that people sign in with."""


@second_factor.command("reset", epilog=_FACTOR)
@click.argument("name")
@client_verb
def reset_second_factor(api: Api, name: str) -> None:
    """Take the second factor away from the user NAME, who lost it. For administrators.

    The password alone signs in from then on, until the user sets up another one in the browser, at /me.
    """
    api.client.delete(f"{_path(name)}/second-factor")
    api.show({"reset": f"user:{name}"}, f"user:{plain(name)} has no second factor any more")


@user.command(epilog=_SET)
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the new password from standard input.")
@client_verb
def password(api: Api, name: str, *, password_stdin: bool) -> None:
    """Give the user NAME a new password: your own, or anybody's for administrators.

    Sessions of the user end, keys stay. For your own the old password is asked for, or is the first of two lines on
    standard input.
    """
    own = api.client.get("/me")["subject"] == f"user:{name}"
    old = None
    if own and not password_stdin:
        old = read_secret(from_stdin=False, prompt="Old password")
    new = read_secret(from_stdin=password_stdin, prompt="New password", confirm=True)
    if own and password_stdin:
        old, line, new = new.partition("\n")
        if not line or not new:
            raise click.UsageError("your own password: give the old one and the new one, each on a line")
    api.client.put(f"{_path(name)}/password", {"password": new, "old": old})
    api.show(
        {"changed": f"user:{name}"}, f"user:{plain(name)} has a new password, and the sessions of the old one ended"
    )


def _by_password(user: dict[str, Any]) -> str:
    if not user["has_password"]:
        return "nothing yet"
    if user["second_factor"]:
        return "password, code"
    return "password, code missing" if user["second_factor_required"] else "password"


def _path(name: str) -> str:
    return f"/users/{segment(name.removeprefix('user:'))}"
