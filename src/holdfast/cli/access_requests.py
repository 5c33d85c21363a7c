"""`holdfast access-request`: ask for access that one was refused, and decide what others ask for."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.moments import EXPIRES, moment
from holdfast.cli.output import Api, client_verb, plain, when

_GROUP = """\b
Examples:
  holdfast access-request create pull shop/web --note 'for the release'
  holdfast access-request list
  holdfast access-request approve 7
"""
_CREATE = """\b
Examples:
  holdfast access-request create pull shop/web
  holdfast access-request create create-tag shop/web:ci-7 --note 'the nightly build'
\b
ACTION: pull, create-tag, overwrite, delete-tag, sign, list, settings, create-repository, delete-repository,
manage-access, read-audit.
"""
_LIST = """\b
Examples:
  holdfast access-request list
  holdfast access-request list --path shop --all
  holdfast access-request list --own --all
"""
_SHOW = """\b
Examples:
  holdfast access-request show 7
"""
_APPROVE = """\b
Examples:
  holdfast access-request approve 7
  holdfast access-request approve 7 --role writer --scope 'shop/**' --expires 30d
"""
_DECLINE = """\b
Examples:
  holdfast access-request decline 7 --reason 'use shop/web-mirror'
"""
_WITHDRAW = """\b
Examples:
  holdfast access-request withdraw 7
"""


@click.group("access-request", epilog=_GROUP)
def access_request() -> None:
    """Ask for access, and approve or decline what others ask for."""


@access_request.command(epilog=_CREATE)
@click.argument("action")
@click.argument("target", metavar="REPO[:TAG]")
@click.option("--note", default="", metavar="TEXT", help="Why.")
@client_verb
def create(api: Api, action: str, target: str, *, note: str) -> None:
    """Ask to be allowed ACTION in REPO, at TAG. Who manages access there decides, within 30 days."""
    repository, colon, tag = target.partition(":")
    body = {"action": action, "repository": repository, "tag": tag if colon else None, "note": note}
    made = api.client.post("/access-requests", body)
    api.show(made, f"request {made['id']}: open until {when(made['expires_at'])}")


@access_request.command("list", epilog=_LIST)
@click.option("--own", is_flag=True, help="Your own instead.")
@click.option("--path", metavar="PATH", help="Only those about repositories at or below this path.")
@click.option("--all", "closed", is_flag=True, help="Also those that are not open any more.")
@client_verb
def list_(api: Api, *, own: bool, path: str | None, closed: bool) -> None:
    """List the open requests that you may decide."""
    api.show_list(
        api.client.pages("/access-requests", own=_flag(own), path=path, closed=_flag(closed)),
        ("ID", "SUBJECT", "ACTION", "WHERE", "STATE", "MADE", "NOTE"),
        lambda each: (
            each["id"],
            each["subject"],
            each["action"],
            _where(each),
            _state(each),
            when(each["made_at"]),
            each["note"],
        ),
        "no requests of yours" if own else "no requests that you may decide",
    )


@access_request.command(epilog=_SHOW)
@click.argument("id", type=click.IntRange(1))
@client_verb
def show(api: Api, id: int) -> None:
    """Show the request ID, and what became of it."""
    api.show(api.client.get(f"/access-requests/{id}"))


@access_request.command(epilog=_APPROVE)
@click.argument("id", type=click.IntRange(1))
@click.option("--role", metavar="ROLE", help="Another than the least one that has the action.")
@click.option("--scope", metavar="REPO-GLOB[:TAG-GLOB]", help="Wider than what was asked for.")
@click.option("--expires", metavar="WHEN", help=EXPIRES)
@client_verb
def approve(api: Api, id: int, *, role: str | None, scope: str | None, expires: str | None) -> None:
    """Approve the request ID, which makes a grant: the least one that allows what was asked for.

    It holds at the next request, on every node.
    """
    body = {"role": role, "scope": scope, "expires_at": moment(expires)}
    done = api.client.post(f"/access-requests/{id}/approve", body)
    api.show(done, f"grant {done['grant']}: {plain(done['subject'])}, {plain(done['given'])}")
    if done["notice"] and not api.as_json:
        click.echo(f"note: {plain(done['notice'])}", err=True)


@access_request.command(epilog=_DECLINE)
@click.argument("id", type=click.IntRange(1))
@click.option("--reason", default="", metavar="TEXT", help="Why; who asked is told.")
@client_verb
def decline(api: Api, id: int, *, reason: str) -> None:
    """Decline the request ID."""
    done = api.client.post(f"/access-requests/{id}/decline", {"reason": reason})
    api.show(done, f"declined request {id} of {plain(done['subject'])}")


@access_request.command(epilog=_WITHDRAW)
@click.argument("id", type=click.IntRange(1))
@client_verb
def withdraw(api: Api, id: int) -> None:
    """Take your own request ID back."""
    done = api.client.post(f"/access-requests/{id}/withdraw", {})
    api.show(done, f"withdrew request {id}")


def _flag(given: bool) -> str | None:
    return "true" if given else None


def _where(each: dict[str, Any]) -> str:
    return str(each["repository"]) if each["tag"] is None else f"{each['repository']}:{each['tag']}"


def _state(each: dict[str, Any]) -> str:
    more = each["given"] or each["reason"]
    return f"{each['state']}: {more}" if more else str(each["state"])
