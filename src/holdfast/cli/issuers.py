"""`holdfast issuer`: whose tokens machines may log in with."""

from __future__ import annotations

import json
from typing import Any

import click

from holdfast.cli.client import segment
from holdfast.cli.output import Api, client_verb, plain, when

_ISSUER = """\b
Examples:
  holdfast issuer add github --preset github
  holdfast issuer add gitlab --preset gitlab --iss https://gitlab.example.com
  holdfast issuer list
"""
_ADD = """\b
Examples:
  holdfast issuer add github --preset github
  holdfast issuer add gitlab --preset gitlab --iss https://gitlab.example.com
  holdfast issuer add cluster-1 --preset kubernetes --iss https://oidc.example.com/cluster-1
  kubectl get --raw /openid/v1/jwks |
    holdfast issuer add cluster-2 --preset kubernetes --iss https://kubernetes.default.svc.cluster.local --jwks -
\b
The keys are fetched at once, by the address that the tokens name, and again when they change. With --jwks nobody is
asked: for clusters and CI servers that the registry cannot reach.
"""
_CHANGE = """\b
Examples:
  holdfast issuer change cluster-2 --jwks keys.json
  holdfast issuer change gitlab --audience https://registry.example.com
"""
_LIST = """\b
Examples:
  holdfast issuer list
  holdfast issuer list --json
"""
_SHOW = """\b
Examples:
  holdfast issuer show github
"""
_REMOVE = """\b
Examples:
  holdfast issuer remove cluster-2
"""


@click.group(epilog=_ISSUER)
def issuer() -> None:
    """Issuers of machines' own tokens: CI systems, clusters, clouds."""


@issuer.command(epilog=_ADD)
@click.argument("name")
@click.option("--preset", metavar="KIND", help="github, gitlab, google, azure, aws or kubernetes.")
@click.option("--iss", metavar="URL", help="What its tokens say in `iss`; without: that of the preset.")
@click.option("--audience", metavar="TEXT", help="What its tokens are made for; without: this registry's host.")
@click.option("--discovery", metavar="URL", help="Its configuration, where that is not below --iss.")
@click.option("--jwks", metavar="FILE", type=click.File("rb"), help="Its keys (a JWK set); - is standard input.")
@client_verb
def add(api: Api, /, name: str, *, jwks: Any, **options: str | None) -> None:
    """Register the issuer NAME. For administrators."""
    body = {"name": name, **{field: value for field, value in options.items() if value is not None}}
    if jwks is not None:
        body["jwks"] = _keys(jwks)
    made = api.client.post("/issuers", body)
    api.show(made, f"registered {plain(made['name'])}: tokens of {plain(made['iss'])} for {plain(made['audience'])}")


@issuer.command("list", epilog=_LIST)
@client_verb
def list_(api: Api) -> None:
    """List issuers."""
    api.show_list(
        api.client.pages("/issuers"),
        ("NAME", "ISS", "AUDIENCE", "PRESET", "KEYS", "RULES"),
        lambda each: (
            each["name"],
            each["iss"],
            each["audience"],
            each["preset"],
            "given" if each["pinned"] else f"of {when(each['keys_at'])}",
            each["rules"],
        ),
        "no issuer is registered",
    )


@issuer.command(epilog=_SHOW)
@click.argument("name")
@client_verb
def show(api: Api, name: str) -> None:
    """Show the issuer NAME, with the names of its keys."""
    api.show(api.client.get(f"/issuers/{segment(name)}"))


@issuer.command(epilog=_CHANGE)
@click.argument("name")
@click.option("--audience", metavar="TEXT", help="What its tokens are made for.")
@click.option("--jwks", metavar="FILE", type=click.File("rb"), help="Its new keys, if they were given before.")
@client_verb
def change(api: Api, /, name: str, *, audience: str | None, jwks: Any) -> None:
    """Change the audience or the given keys of the issuer NAME. For administrators."""
    body: dict[str, Any] = {}
    if audience is not None:
        body["audience"] = audience
    if jwks is not None:
        body["jwks"] = _keys(jwks)
    if not body:
        raise click.UsageError("there is nothing to change: give --audience or --jwks")
    changed = api.client.patch(f"/issuers/{segment(name)}", body)
    api.show(changed, f"changed {plain(changed['name'])}")


@issuer.command(epilog=_REMOVE)
@click.argument("name")
@client_verb
def remove(api: Api, name: str) -> None:
    """Remove the issuer NAME and every rule that rests on it: its machines are refused at once."""
    api.client.delete(f"/issuers/{segment(name)}")
    api.show({"removed": name}, f"removed {plain(name)} and its rules")


def _keys(file: Any) -> Any:
    try:
        return json.loads(file.read(1 << 20))
    except ValueError as error:
        raise click.UsageError(f"--jwks: that is no JSON: {error}") from error
