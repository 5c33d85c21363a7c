"""`holdfast key`: keys of users and robots. Standard output gets the secret alone, so that it can go into a file."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.client import segment
from holdfast.cli.moments import EXPIRES, moment, seconds
from holdfast.cli.output import Api, client_verb, plain, when

_KEY = """\b
Examples:
  holdfast key create laptop                            for yourself
  holdfast key create ci --for robot:shop+builder > builder.key
  holdfast key rotate ci --for robot:shop+builder > builder.key
  holdfast key list --for robot:shop+builder
"""
_LIST = """\b
Examples:
  holdfast key list
  holdfast key list --for robot:shop+builder
"""
_SHOW = """\b
Examples:
  holdfast key show ci --for robot:shop+builder
"""
_CREATE = """\b
Examples:
  holdfast key create laptop --expires 90d
  holdfast key create ci --for robot:shop+builder > builder.key
  holdfast key create readonly --role reader --on 'shop/**'
  docker login registry.example.com -u shop+builder --password-stdin < builder.key
\b
The key is shown this once. It is a password for its owner: of a user or a robot, docker login -u OWNER.
"""
_ROTATE = """\b
Examples:
  holdfast key rotate ci --for robot:shop+builder > builder.key
  holdfast key rotate laptop --overlap 1h
\b
The secret until now goes on for the overlap, so that no pipeline breaks; `holdfast key finish` ends it sooner.
"""
_FINISH = """\b
Examples:
  holdfast key finish ci --for robot:shop+builder
"""
_REVOKE = """\b
Examples:
  holdfast key revoke laptop
  holdfast key revoke ci --for robot:shop+builder
"""
_SUSPEND = """\b
Examples:
  holdfast key suspend ci --for robot:shop+builder --reason 'found in a public log'
"""
_SLOW = """\b
Examples:
  holdfast key slow ci --for robot:shop+builder --span 6h --reason 'asks for everything'
"""
_RESUME = """\b
Examples:
  holdfast key resume ci --for robot:shop+builder
"""
_for = click.option("--for", "owner", default="me", metavar="SUBJECT", help="user:NAME or robot:NAMESPACE+NAME.")


@click.group(epilog=_KEY)
def key() -> None:
    """See, make, rotate and revoke keys: yours, or those of robots whose namespace you manage."""


@key.command("list", epilog=_LIST)
@_for
@client_verb
def list_(api: Api, owner: str) -> None:
    """List keys, with the last use of each; no secret is ever shown again."""
    api.show_list(
        api.client.pages("/keys", owner=owner), ("KEY", "ENDS IN", "MAY", "LAST USED", "UNTIL"), _row, "no keys"
    )


@key.command(epilog=_SHOW)
@click.argument("name")
@_for
@client_verb
def show(api: Api, name: str, owner: str) -> None:
    """Show everything about the key NAME but its secrets."""
    api.show(api.client.get(_path(owner, name)))


@key.command(epilog=_CREATE)
@click.argument("name")
@_for
@click.option("--expires", metavar="WHEN", help=EXPIRES)
@click.option("--role", metavar="ROLE", help="With --on: what the key may at most.")
@click.option("--on", "scopes", multiple=True, metavar="REPO-GLOB[:TAG-GLOB]", help="Where; may be repeated.")
@client_verb
def create(api: Api, name: str, owner: str, *, expires: str | None, role: str | None, scopes: tuple[str, ...]) -> None:
    """Make the key NAME and print its secret, this once.

    It may do what its owner may; with --role and --on no more than that, there.
    """
    if (role is None) != (not scopes):
        raise click.UsageError("--role and --on belong together: what, and where")
    bounds = None
    if role is not None:
        bounds = [_bound(role, scope) for scope in scopes]
    body = {"name": name, "bounds": bounds, "expires_at": moment(expires)}
    if owner != "me":
        body["owner"] = owner
    _print(api, api.client.post("/keys", body))


@key.command(epilog=_ROTATE)
@click.argument("name")
@_for
@click.option("--overlap", metavar="SPAN", help="How long the secret until now goes on: 30min, 12h, 7d, 0.")
@client_verb
def rotate(api: Api, name: str, owner: str, overlap: str | None) -> None:
    """Give the key NAME a new secret and print it, this once."""
    _print(api, api.client.post(f"{_path(owner, name)}/rotate", {"overlap": seconds(overlap)}))


@key.command(epilog=_FINISH)
@click.argument("name")
@_for
@client_verb
def finish(api: Api, name: str, owner: str) -> None:
    """End the old secret of the key NAME after a rotation, now."""
    changed = api.client.post(f"{_path(owner, name)}/finish")
    api.show(changed, f"{plain(changed['name'])} of {plain(changed['owner'])} has one secret now")


@key.command(epilog=_REVOKE)
@click.argument("name")
@_for
@client_verb
def revoke(api: Api, name: str, owner: str) -> None:
    """End the key NAME: it is refused from the next request on."""
    api.client.delete(_path(owner, name))
    api.show({"revoked": name}, f"revoked {plain(name)}: refused from now on, on every node")


@key.command(epilog=_SUSPEND)
@click.argument("name")
@_for
@click.option("--reason", default="", help="What the holder of the key is told.")
@client_verb
def suspend(api: Api, name: str, owner: str, reason: str) -> None:
    """Refuse the key NAME from the next request on, until `holdfast key resume`."""
    changed = api.client.post(f"{_path(owner, name)}/suspend", {"reason": reason})
    api.show(changed, f"{plain(changed['name'])} of {plain(changed['owner'])} is refused from now on, on every node")


@key.command(epilog=_SLOW)
@click.argument("name")
@_for
@click.option("--span", default="1h", show_default=True, metavar="SPAN", help="For how long: 30min, 6h, 7d.")
@click.option("--reason", default="", help="Why, for the audit.")
@client_verb
def slow(api: Api, name: str, owner: str, span: str, reason: str) -> None:
    """Let the key NAME make ten requests a minute only, from the next request on, for a while."""
    body = {"seconds": seconds(span), "reason": reason}
    changed = api.client.post(f"{_path(owner, name)}/slow", body)
    until = when(changed["slowed_until"])
    api.show(changed, f"{plain(changed['name'])} of {plain(changed['owner'])} is slowed until {until}, on every node")


@key.command(epilog=_RESUME)
@click.argument("name")
@_for
@client_verb
def resume(api: Api, name: str, owner: str) -> None:
    """Let the key NAME, suspended or slowed, be used as before."""
    changed = api.client.post(f"{_path(owner, name)}/resume")
    api.show(changed, f"{plain(changed['name'])} of {plain(changed['owner'])} may be used again")


def _print(api: Api, made: dict[str, Any]) -> None:
    """The secret on standard output, all else beside it."""
    if api.as_json:
        api.show(made)
        return
    click.echo(made["secret"])
    found = made["key"]
    user = str(found["owner"]).partition(":")[2]
    host = api.client.context.url.partition("://")[2]
    old = [each for each in found["secrets"][1:] if each["expires_at"]]
    said = f"the key {found['name']!r} of {found['owner']}, shown this once; to use it: docker login {host} -u {user}"
    click.echo(plain(said), err=True)
    if old:
        click.echo(f"the secret until now (...{plain(old[0]['hint'])}) ends {when(old[0]['expires_at'])}", err=True)


def _row(each: dict[str, Any]) -> tuple[object, ...]:
    uses = [secret for secret in each["secrets"] if secret["used_at"]]
    last = max(uses, key=lambda secret: str(secret["used_at"]), default=None)
    bounds = each["bounds"]
    return (
        each["name"],
        ", ".join(f"...{secret['hint']}" for secret in each["secrets"]),
        "all that its owner may" if bounds is None else "; ".join(map(_said, bounds)),
        f"{when(last['used_at'])} from {last['used_from']}" if last is not None else "never",
        _until(each),
    )


def _until(each: dict[str, Any]) -> str:
    if each["suspended_at"]:
        return f"suspended {when(each['suspended_at'])}"
    return when(each["expires_at"], "never") + (
        f", slowed until {when(each['slowed_until'])}" if each["slowed_until"] else ""
    )


def _said(bound: dict[str, Any]) -> str:
    where = bound["repository"] if bound["tag"] is None else f"{bound['repository']}:{bound['tag']}"
    return f"{','.join(bound['actions'])} on {where}"


def _bound(role: str, scope: str) -> dict[str, Any]:
    repository, colon, tag = scope.partition(":")
    return {"role": role, "repository": repository, "tag": tag if colon else None}


def _path(owner: str, name: str) -> str:
    return f"/keys/{segment(owner)}/{segment(name)}"
