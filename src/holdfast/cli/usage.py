"""`holdfast usage`: who used which right, by day."""

from __future__ import annotations

import json
from typing import Any

import click

from holdfast.cli.audit import past
from holdfast.cli.output import Api, client_verb, show_table, when

_USAGE = """\b
Examples:
  holdfast usage shop/web
  holdfast usage 'shop/**' --action pull --since 7d
  holdfast usage --subject robot:shop+ci --json
  holdfast usage --denied
"""


@click.command(epilog=_USAGE)
@click.argument("repository", required=False)
@click.option("--subject", metavar="SUBJECT", help="Only of this user, robot or anonymous.")
@click.option("--action", metavar="ACTION", help="Only this: pull, create-tag, overwrite, delete-tag ...")
@click.option("--denied", is_flag=True, help="Only what was refused.")
@click.option("--since", default="7d", show_default=True, metavar="TIME", help="7d (ago), or a day as in 2027-01-31.")
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True, help="The most lines shown.")
@client_verb
def usage(
    api: Api,
    *,
    repository: str | None,
    subject: str | None,
    action: str | None,
    denied: bool,
    since: str,
    limit: int,
) -> None:
    """Show who used which right in REPOSITORY ('team/**': all below it), counted by day.

    Needs read-audit there. Addresses are kept as networks, clients by name; what was refused is shown with --denied.
    """
    rows: list[dict[str, Any]] = []
    lost = 0
    after: str | None = None
    while len(rows) < limit:
        page = api.client.get(
            "/usage",
            repository=repository,
            subject=subject,
            action=action,
            allowed="false" if denied else None,
            since=past(since),
            after=after,
            limit=min(limit, 500),
        )
        rows += page["items"]
        lost += page["lost"]
        after = page["next"]
        if after is None:
            break
    rows = sorted(rows[:limit], key=lambda each: (each["last_at"], each["subject"]), reverse=True)
    if api.as_json:
        click.echo(json.dumps({"items": rows, "lost": lost, "more": after is not None}, indent=2))
        return
    if not rows:
        click.echo("no use in your sight")
        return
    table = [
        (
            each["day"][:10],
            each["count"],
            each["subject"],
            each["action"] if each["allowed"] else f"{each['action']} (refused)",
            each["repository"] + (":" + each["reference"] if each["reference"] else ""),
            each["network"],
            each["agent"],
            when(each["last_at"]),
        )
        for each in rows
    ]
    show_table(("DAY", "TIMES", "WHO", "WHAT", "WHERE", "FROM", "WITH", "LAST"), table)
    if after is not None:
        click.echo("there is more: narrow it down, or raise --limit")
    if lost:
        click.echo(f"{lost} uses found no room in the aggregates of their day, and are not among these")
