"""`holdfast provider`: the OpenID Connect providers that people sign in with."""

from __future__ import annotations

import sys
from typing import Any

import click

from holdfast.cli.client import segment
from holdfast.cli.output import REFUSED, Api, client_verb, plain, show_table, when

_PROVIDER = """\b
Examples:
  holdfast provider add corp --issuer https://login.example.com --client-id holdfast --secret-stdin < secret
  holdfast provider test corp
  holdfast provider list
"""
_ADD = """\b
Examples:
  holdfast provider add corp --issuer https://login.example.com --client-id holdfast --secret-stdin < secret
  holdfast provider add google --issuer https://accounts.google.com --client-id ID --secret-stdin \\
    --name-claim email --no-groups --title Google < secret
"""
_CHANGE = """\b
Examples:
  holdfast provider change corp --secret-stdin < new-secret
  holdfast provider change corp --groups-claim roles
  holdfast provider change corp --no-create
"""
_LIST = """\b
Examples:
  holdfast provider list
  holdfast provider list --json
"""
_SHOW = """\b
Examples:
  holdfast provider show corp
"""
_REMOVE = """\b
Examples:
  holdfast provider remove corp
"""
_TEST = """\b
Examples:
  holdfast provider test corp
"""


@click.group(epilog=_PROVIDER)
def provider() -> None:
    """Sign-in providers (OpenID Connect), for administrators."""


@provider.command(epilog=_ADD)
@click.argument("name")
@click.option("--issuer", required=True, metavar="URL", help="The issuer, exactly as its discovery document says.")
@click.option("--client-id", required=True, metavar="ID", help="What the provider calls this registry.")
@click.option("--secret-stdin", is_flag=True, help="Read the client secret from standard input; without: none.")
@click.option("--title", metavar="TEXT", help="What the sign-in page calls it.")
@click.option("--scopes", metavar="WORDS", help="What to ask for; openid is one of them.")
@click.option("--name-claim", metavar="CLAIM", help="The claim that names new accounts (preferred_username).")
@click.option("--groups-claim", metavar="CLAIM", help="The claim that holds groups (groups).")
@click.option("--no-groups", is_flag=True, help="Read no groups.")
@click.option("--no-create", is_flag=True, help="Make no accounts: only people who have one sign in.")
@client_verb
def add(api: Api, /, name: str, *, secret_stdin: bool, **options: Any) -> None:
    """Add the provider NAME.

    Register what is printed as redirect_uri at the provider, exactly. Groups of it are called NAME/GROUP here.
    """
    body = {"name": name, "issuer": options["issuer"], **_given(options, secret_stdin=secret_stdin)}
    api.show(api.client.post("/providers", body))


@provider.command(epilog=_CHANGE)
@click.argument("name")
@click.option("--client-id", metavar="ID", help="What the provider calls this registry.")
@click.option("--secret-stdin", is_flag=True, help="Read a new client secret from standard input.")
@click.option("--title", metavar="TEXT", help="What the sign-in page calls it.")
@click.option("--scopes", metavar="WORDS", help="What to ask for; openid is one of them.")
@click.option("--name-claim", metavar="CLAIM", help="The claim that names new accounts.")
@click.option("--groups-claim", metavar="CLAIM", help="The claim that holds groups.")
@click.option("--no-groups", is_flag=True, help="Read no groups.")
@click.option("--create/--no-create", default=None, help="Whether a first sign-in makes an account.")
@client_verb
def change(api: Api, /, name: str, *, secret_stdin: bool, create: bool | None, **options: Any) -> None:
    """Change the provider NAME: what is not named stays."""
    body = _given({**options, "no_create": create is False}, secret_stdin=secret_stdin)
    if create:
        body["creates"] = True
    if not body:
        raise click.UsageError("name what is to be changed")
    api.show(api.client.patch(f"/providers/{segment(name)}", body))


@provider.command("list", epilog=_LIST)
@client_verb
def list_(api: Api) -> None:
    """List the providers."""
    api.show_list(
        api.client.pages("/providers"),
        ("NAME", "ISSUER", "CLIENT", "MAKES ACCOUNTS", "GROUPS", "ADDED"),
        lambda each: (
            each["name"],
            each["issuer"],
            each["client_id"],
            each["creates"],
            each["groups_claim"] or "not read",
            when(each["made_at"]),
        ),
        "no providers: people sign in with passwords of this registry",
    )


@provider.command(epilog=_SHOW)
@click.argument("name")
@client_verb
def show(api: Api, name: str) -> None:
    """Show the provider NAME, without its secret."""
    api.show(api.client.get(f"/providers/{segment(name)}"))


@provider.command(epilog=_REMOVE)
@click.argument("name")
@client_verb
def remove(api: Api, name: str) -> None:
    """Remove the provider NAME: its people are signed out at once, and their keys refused.

    The name stays taken; with the same issuer it can be added again, and people have their accounts back.
    """
    api.client.delete(f"/providers/{segment(name)}")
    api.show({}, f"removed {plain(name)}")


@provider.command(epilog=_TEST)
@click.argument("name")
@client_verb
def test(api: Api, name: str) -> None:
    """Ask the provider NAME for its document and keys, and say what was found. Exit status 1 when it fails."""
    found = api.client.post(f"/providers/{segment(name)}/test")

    def human(value: Any) -> None:
        rows = [("ok" if each["ok"] else "FAILED", each["name"], each["found"]) for each in value["checks"]]
        show_table(("", "WHAT", "FOUND"), rows)

    api.show(found, human)
    if not found["ok"]:
        sys.exit(REFUSED)


def _given(options: dict[str, Any], *, secret_stdin: bool) -> dict[str, Any]:
    """The fields that were named."""
    if options["no_groups"] and options["groups_claim"]:
        raise click.UsageError("--groups-claim and --no-groups exclude each other")
    names = ("client_id", "title", "scopes", "name_claim", "groups_claim")
    body = {name: options[name] for name in names if options[name] is not None}
    if options["no_groups"]:
        body["groups_claim"] = None
    if options["no_create"]:
        body["creates"] = False
    if secret_stdin:
        secret = sys.stdin.readline().strip("\r\n")
        if not secret:
            raise click.UsageError("there is no secret on standard input")
        body["client_secret"] = secret
    return body
