"""`holdfast federation`: which machines of an issuer are which robot."""

from __future__ import annotations

import sys
from typing import Any

import click

from holdfast.cli.client import segment
from holdfast.cli.output import REFUSED, Api, client_verb, plain, show_facts, show_table, when

_FEDERATION = """\b
Examples:
  holdfast federation add main --namespace shop --robot shop+ci --issuer github \\
    --claim repository_id=74 --claim ref=refs/heads/main
  holdfast federation test token.jwt
  holdfast federation list
"""
_ADD = """\b
Examples:
  holdfast federation add main --namespace shop --robot shop+ci --issuer github \\
    --claim repository_id=74 --claim ref=refs/heads/main
  holdfast federation add releases --namespace shop --robot shop+release --issuer gitlab \\
    --claim project_id=20 --claim ref_type=tag --claim 'ref=v*'
  holdfast federation add web --namespace shop --robot shop+pull --issuer cluster-1 \\
    --claim kubernetes.io/serviceaccount/uid=14ee3fa4-a7e2-420f-9f9a-dbc4507c3798
\b
A value holds for the whole claim; * is any run of characters. A claim inside another is named with / between.
"""
_LIST = """\b
Examples:
  holdfast federation list
  holdfast federation list --namespace shop --json
"""
_SHOW = """\b
Examples:
  holdfast federation show shop main
"""
_REMOVE = """\b
Examples:
  holdfast federation remove shop main
"""
_TEST = """\b
Examples:
  holdfast federation test token.jwt
  holdfast federation test - --user shop+ci < token.jwt
"""


@click.group(epilog=_FEDERATION)
def federation() -> None:
    """Rules by which machines' own tokens are robots: no stored password."""


@federation.command(epilog=_ADD)
@click.argument("name")
@click.option("--namespace", required=True, metavar="N", help="Whose rule it is.")
@click.option("--issuer", required=True, metavar="NAME", help="Whose tokens; see `holdfast issuer list`.")
@click.option("--robot", required=True, metavar="ROBOT", help="A robot of the namespace: NAMESPACE+NAME.")
@click.option("--claim", "claims", multiple=True, required=True, metavar="CLAIM=VALUE", help="What a token must say.")
@client_verb
def add(api: Api, /, name: str, *, namespace: str, issuer: str, robot: str, claims: tuple[str, ...]) -> None:
    """Make the rule NAME: a token whose claims all match is the robot. For who manages access on the namespace."""
    wanted: dict[str, str] = {}
    for claim in claims:
        field, equals, value = claim.partition("=")
        if not equals or field in wanted:
            raise click.UsageError(f"--claim is CLAIM=VALUE, each claim once: {plain(claim)!r}")
        wanted[field] = value
    body = {
        "namespace": namespace,
        "name": name,
        "issuer": issuer,
        "robot": robot.removeprefix("robot:"),
        "claims": wanted,
    }
    made = api.client.post("/federation/rules", body)
    api.show(made, f"tokens of {plain(made['issuer'])} with {plain(made['claims'])} are robot:{plain(made['robot'])}")


@federation.command("list", epilog=_LIST)
@click.option("--namespace", metavar="N", help="Only those of this namespace.")
@client_verb
def list_(api: Api, *, namespace: str | None) -> None:
    """List the rules of the namespaces that you manage."""
    api.show_list(
        api.client.pages("/federation/rules", namespace=namespace),
        ("NAMESPACE", "NAME", "ISSUER", "ROBOT", "CLAIMS", "LAST USED"),
        lambda each: (
            each["namespace"],
            each["name"],
            each["issuer"],
            each["robot"],
            each["claims"],
            when(each["used_at"], "never"),
        ),
        "there is no rule in your sight",
    )


@federation.command(epilog=_SHOW)
@click.argument("namespace")
@click.argument("name")
@client_verb
def show(api: Api, namespace: str, name: str) -> None:
    """Show the rule NAME of NAMESPACE."""
    api.show(api.client.get(_path(namespace, name)))


@federation.command(epilog=_REMOVE)
@click.argument("namespace")
@click.argument("name")
@client_verb
def remove(api: Api, namespace: str, name: str) -> None:
    """Remove the rule NAME of NAMESPACE: what it let in is refused from the next request on."""
    api.client.delete(_path(namespace, name))
    api.show({"removed": name, "namespace": namespace}, f"removed {plain(name)} of {plain(namespace)}")


@federation.command(epilog=_TEST)
@click.argument("file", type=click.File("r"))
@click.option("--user", metavar="NAME", default="", help="The user name that the machine sends.")
@client_verb
def test(api: Api, /, file: Any, *, user: str) -> None:
    """Say which robot the token in FILE is, by which rule, and why not by the others. Exit status 1: it is refused."""
    token = file.read(1 << 20).strip()
    found = api.client.post("/federation/test", {"token": token, "user": user})
    api.show(found, _print)
    if found["robot"] is None:
        sys.exit(REFUSED)


def _print(found: dict[str, Any]) -> None:
    show_facts(
        {
            "robot": found["robot"],
            "refused": found["refusal"],
            "issuer": found["issuer"],
            "until": when(found["ends_at"]),
            "reads only": found["reads_only"] and "yes: it speaks for a pull request",
        }
    )
    if found["rules"]:
        click.echo()
        rows = [
            (each["namespace"], each["name"], each["robot"], each["refusal"] or "matches") for each in found["rules"]
        ]
        show_table(("NAMESPACE", "RULE", "ROBOT", ""), rows)
    if found["claims"]:
        click.echo()
        show_table(("CLAIM", "VALUE"), sorted(found["claims"].items()))


def _path(namespace: str, name: str) -> str:
    return f"/federation/rules/{segment(namespace)}/{segment(name)}"
