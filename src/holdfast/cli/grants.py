"""`holdfast grant`: who may do what where, on the registry that one is logged in to."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.groups import subject as called
from holdfast.cli.moments import EXPIRES, moment, window
from holdfast.cli.output import Api, client_verb, plain, when
from holdfast.cli.policy import export

_GRANT = """\b
Examples:
  holdfast grant add group:developers writer 'shop/**'
  holdfast grant add group:developers --deny pull 'shop/**:prod-*'
  holdfast grant list --path shop
  holdfast grant remove 3
"""
_LIST = """\b
Examples:
  holdfast grant list
  holdfast grant list --path shop
  holdfast grant list --subject group:developers --json
"""
_SHOW = """\b
Examples:
  holdfast grant show 3
"""
_ADD = """\b
Examples:
  holdfast grant add user:dora reader 'shop/**'
  holdfast grant add robot:shop+builder writer 'shop/**:ci-*'
  holdfast grant add group:developers --deny pull 'shop/**:prod-*'
  holdfast grant add anonymous reader 'public/**'
  holdfast grant add user:otto owner 'shop/**' --expires 30d --from 10.0.0.0/8
  holdfast grant add group:night writer 'shop/**' --when '22:00-06:00 Europe/Berlin'
\b
SUBJECT: user:NAME, group:NAME, robot:NAMESPACE+NAME, or anonymous (everyone). In a REPO-GLOB '*' stays within a
segment, '**' spans segments, and 'a/**' includes 'a'. A deny wins over every grant. Put globs in quotes.
"""
_REMOVE = """\b
Examples:
  holdfast grant remove 3
"""


@click.group(epilog=_GRANT, commands=[export])
def grant() -> None:
    """See, make and remove grants: SUBJECT may do what ROLE says in REPO-GLOB, at TAG-GLOB."""


@grant.command("list", epilog=_LIST)
@click.option("--subject", metavar="SUBJECT", help="Only those to this user, group or robot.")
@click.option("--path", metavar="PATH", help="Only those that can match something at or below this path.")
@client_verb
def list_(api: Api, *, subject: str | None, path: str | None) -> None:
    """List the grants that you may see."""
    api.show_list(
        api.client.pages("/grants", subject=called(subject) if subject else None, path=path),
        ("ID", "SUBJECT", "ROLE", "WHERE", "WHEN", "MADE BY", "LAST USED", "NOTE"),
        lambda each: (
            each["id"],
            each["subject"],
            said(each),
            each["scope"],
            conditions_said(each),
            each["made_by"],
            when(each["used_at"]),
            each["note"],
        ),
        "no grants in your sight",
    )


@grant.command(epilog=_SHOW)
@click.argument("id", type=click.IntRange(1))
@client_verb
def show(api: Api, id: int) -> None:
    """Show everything about the grant ID."""
    api.show(api.client.get(f"/grants/{id}"))


@grant.command(epilog=_ADD)
@click.argument("subject")
@click.argument("what", nargs=-1, required=True, metavar="[ROLE] REPO-GLOB[:TAG-GLOB]")
@click.option("--deny", "denied", multiple=True, metavar="ACTION", help="Deny this instead of a role; may be repeated.")
@click.option("--from", "networks", multiple=True, metavar="NETWORK", help="Only from there; may be repeated.")
@click.option("--claim", "claims", multiple=True, metavar="NAME=VALUE", help="Only with it in the machine's token.")
@click.option(
    "--when", "windows", multiple=True, metavar="WINDOW", help="Only then: 'mon-fri 08:00-18:00 Europe/Berlin'."
)
@click.option("--expires", metavar="WHEN", help=EXPIRES)
@click.option("--note", default="", metavar="TEXT", help="Why.")
@client_verb
def add(
    api: Api,
    subject: str,
    what: tuple[str, ...],
    *,
    denied: tuple[str, ...],
    networks: tuple[str, ...],
    claims: tuple[str, ...],
    windows: tuple[str, ...],
    expires: str | None,
    note: str,
) -> None:
    """Let SUBJECT do what ROLE says in REPO-GLOB, at tags of TAG-GLOB; with --deny forbid it an action there.

    It holds at the next request, on every node.
    """
    if len(what) != (1 if denied else 2):
        wanted = "SUBJECT --deny ACTION 'REPO-GLOB[:TAG-GLOB]'" if denied else "SUBJECT ROLE 'REPO-GLOB[:TAG-GLOB]'"
        raise click.UsageError(f"the form is: holdfast grant add {wanted} (globs in quotes)")
    body: dict[str, Any] = {
        "subject": called(subject),
        "scope": what[-1],
        "role": None if denied else what[0],
        "deny": list(denied),
        "expires_at": moment(expires),
        "note": note,
    }
    if networks or claims or windows:
        body["conditions"] = {
            "networks": list(networks),
            "times": list(map(window, windows)),
            "claims": dict(map(_claim, claims)),
        }
    made = api.client.post("/grants", body)
    api.show(made, f"grant {made['id']}: {plain(made['subject'])}, {plain(said(made))} on {plain(made['scope'])}")
    if made["notice"] and not api.as_json:
        click.echo(f"note: {plain(made['notice'])}", err=True)


@grant.command(epilog=_REMOVE)
@click.argument("id", type=click.IntRange(1), nargs=-1, required=True)
@client_verb
def remove(api: Api, id: tuple[int, ...]) -> None:
    """Take the grant ID back; it holds at the next request, on every node."""
    for each in id:
        api.client.delete(f"/grants/{each}")
    api.show({"removed": list(id)}, f"removed grant {plain(list(id))}")


def said(each: dict[str, Any]) -> str:
    """What a grant gives, or what a deny denies."""
    return f"deny {','.join(each['actions'])}" if each["effect"] == "deny" else str(each["role"])


def conditions_said(each: dict[str, Any]) -> str:
    """When a grant holds, in words; '' always."""
    parts: list[str] = []
    conditions = each["conditions"] or {}
    if conditions.get("networks"):
        parts.append(f"from {', '.join(conditions['networks'])}")
    for each_time in conditions.get("times") or []:
        days = ",".join(each_time["days"]) or "every day"
        hours = f" {each_time['start']}-{each_time['end']}" if each_time.get("start") or each_time.get("end") else ""
        since = f" from {when(each_time['not_before'])}" if each_time.get("not_before") else ""
        until = f" until {when(each_time['not_after'])}" if each_time.get("not_after") else ""
        parts.append(f"{days}{hours} {each_time.get('zone') or 'UTC'}{since}{until}")
    parts += [f"with {name}={value}" for name, value in (conditions.get("claims") or {}).items()]
    if each["expires_at"]:
        parts.append(f"until {when(each['expires_at'])}")
    return "; ".join(parts)


def _claim(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is no claim: NAME=VALUE")
    return name, value
