"""`holdfast invitation`: expiring invitations to a namespace."""

from __future__ import annotations

import sys
from typing import Any

import click

from holdfast.cli.moments import moment
from holdfast.cli.output import Api, client_verb, plain, when

_GROUP = """\b
Examples:
  holdfast invitation create writer 'shop/**'
  holdfast invitation list
  holdfast invitation revoke 3
  holdfast invitation accept < code
"""
_CREATE = """\b
Examples:
  holdfast invitation create writer 'shop/**'
  holdfast invitation create reader 'shop/**' --uses 10 --expires 30d --grant-expires 2027-01-31
\b
The link is shown once: hand it on. Whoever is signed in and opens it sees what it gives, and may accept it. It holds
only as long as you may give that yourself.
"""
_LIST = """\b
Examples:
  holdfast invitation list
  holdfast invitation list --path shop --all
"""
_SHOW = """\b
Examples:
  holdfast invitation show 3
"""
_REVOKE = """\b
Examples:
  holdfast invitation revoke 3
"""
_LOOK = """\b
Examples:
  holdfast invitation look < code                what does it give, and who made it?
  holdfast invitation look                       asks for the code
"""
_ACCEPT = """\b
Examples:
  holdfast invitation accept < code
  holdfast invitation accept                     asks for the code
\b
The code, or the link that ends in it, is read from standard input, so that nobody sees it in a list of processes.
"""
_SHORTEST = len("hfi_")


@click.group(epilog=_GROUP)
def invitation() -> None:
    """Invite people to a namespace, and accept an invitation."""


@invitation.command(epilog=_CREATE)
@click.argument("role")
@click.argument("scope", metavar="REPO-GLOB[:TAG-GLOB]")
@click.option("--expires", metavar="WHEN", help="When the invitation ends: 12h, 30d (the most); without: 7d.")
@click.option("--grant-expires", metavar="WHEN", help="When what it gives ends: 90d, 2027-01-31, or never.")
@click.option("--uses", type=click.IntRange(1, 100), default=1, show_default=True, help="How many may accept it.")
@click.option("--note", default="", metavar="TEXT", help="Why; whoever opens it is told.")
@client_verb
def create(
    api: Api, role: str, scope: str, *, expires: str | None, grant_expires: str | None, uses: int, note: str
) -> None:
    """Make an invitation that gives ROLE in REPO-GLOB, at tags of TAG-GLOB, and print its link."""
    body = {
        "role": role,
        "scope": scope,
        "expires_at": moment(expires),
        "grant_expires_at": moment(grant_expires),
        "uses": uses,
        "note": note,
    }
    made = api.client.post("/invitations", body)
    api.show(made, made["link"])
    if not api.as_json:
        click.echo(f"invitation {made['id']}, open until {when(made['expires_at'])}", err=True)


@invitation.command("list", epilog=_LIST)
@click.option("--path", metavar="PATH", help="Only those to namespaces at or below this path.")
@click.option("--all", "closed", is_flag=True, help="Also those that are used up, over or revoked.")
@client_verb
def list_(api: Api, *, path: str | None, closed: bool) -> None:
    """List the open invitations that you made, or that give what you manage access on."""
    api.show_list(
        api.client.pages("/invitations", path=path, closed="true" if closed else None),
        ("ID", "ROLE", "WHERE", "STATE", "USED", "UNTIL", "CODE", "MADE BY", "NOTE"),
        lambda each: (
            each["id"],
            each["role"],
            each["scope"],
            each["state"],
            f"{each['uses']} of {each['most']}",
            when(each["expires_at"]),
            f"...{each['hint']}",
            each["made_by"],
            each["note"],
        ),
        "no open invitations in your sight",
    )


@invitation.command(epilog=_SHOW)
@click.argument("id", type=click.IntRange(1))
@client_verb
def show(api: Api, id: int) -> None:
    """Show the invitation ID, and who accepted it."""
    api.show(api.client.get(f"/invitations/{id}"))


@invitation.command(epilog=_REVOKE)
@click.argument("id", type=click.IntRange(1), nargs=-1, required=True)
@client_verb
def revoke(api: Api, id: tuple[int, ...]) -> None:
    """Revoke the invitation ID; the grants that it gave stay."""
    for each in id:
        api.client.delete(f"/invitations/{each}")
    api.show({"revoked": list(id)}, f"revoked invitation {plain(list(id))}")


@invitation.command(epilog=_LOOK)
@client_verb
def look(api: Api) -> None:
    """Say what an invitation gives, and who made it."""
    api.show(api.client.post("/invitations/offered", {"code": _code()}))


@invitation.command(epilog=_ACCEPT)
@client_verb
def accept(api: Api) -> None:
    """Accept an invitation."""
    got: Any = api.client.post("/invitations/accepted", {"code": _code()})
    api.show(got, f"grant {got['grant']}: you are {plain(got['role'])} on {plain(got['scope'])}")


def _code() -> str:
    """The code, from standard input or asked for."""
    if sys.stdin.isatty():
        return str(click.prompt("Code or link", hide_input=True)).strip()
    given = sys.stdin.readline(4096).strip()
    if len(given) < _SHORTEST:
        raise click.UsageError("there is no code on standard input")
    return given
