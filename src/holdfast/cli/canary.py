"""`holdfast canary`: repositories and keys that nobody has reason to touch."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.output import Api, client_verb, plain, when

_CANARY = """\b
Examples:
  holdfast canary add shop/payment-secrets
  holdfast canary key backup --for robot:shop+backup
  holdfast canary list
  holdfast canary remove 3
"""
_ADD = """\b
Examples:
  holdfast canary add shop/payment-secrets
"""
_KEY = """\b
Examples:
  holdfast key create backup --for robot:shop+backup > backup.key
  holdfast canary key backup --for robot:shop+backup
\b
Then leave the key where only an intruder looks for one.
"""
_LIST = """\b
Examples:
  holdfast canary list
"""
_REMOVE = """\b
Examples:
  holdfast canary remove 3
"""


@click.group(epilog=_CANARY)
def canary() -> None:
    """Mark repositories and keys that nobody has reason to touch: whoever does raises an alert at once."""


@canary.command(epilog=_ADD)
@click.argument("repository")
@client_verb
def add(api: Api, repository: str) -> None:
    """Make REPOSITORY a canary, whether it is there or not. It looks like any other."""
    made = api.client.post("/unusual/canaries", {"repository": repository})
    api.show(made, f"{plain(repository)} is canary {made['id']}: whoever touches it raises an alert")


@canary.command("key", epilog=_KEY)
@click.argument("name")
@click.option("--for", "owner", required=True, metavar="robot:NAMESPACE+NAME", help="The robot whose key it is.")
@client_verb
def key_(api: Api, name: str, owner: str) -> None:
    """Make the key NAME of a robot a canary. It looks like any other, and works."""
    made = api.client.post("/unusual/canaries", {"owner": owner, "key": name})
    api.show(made, f"the key {plain(made['key'])} is canary {made['id']}: whoever uses it raises an alert")


@canary.command("list", epilog=_LIST)
@client_verb
def list_(api: Api) -> None:
    """List canaries."""
    api.show_list(api.client.pages("/unusual/canaries"), ("CANARY", "WHAT", "MADE", "BY"), _row, "no canaries")


@canary.command(epilog=_REMOVE)
@click.argument("canary", type=int)
@client_verb
def remove(api: Api, canary: int) -> None:
    """Let the canary numbered CANARY be an ordinary repository or key again."""
    api.client.delete(f"/unusual/canaries/{canary}")
    api.show({"removed": canary}, f"{canary} is no canary any more")


def _row(each: dict[str, Any]) -> tuple[object, ...]:
    what = each["repository"] if each["repository"] is not None else f"key {each['key']}"
    return (each["id"], what, when(each["made_at"]), each["made_by"])
