"""`holdfast session`: the log-ins that docker and `holdfast login` keep, seen and ended."""

from __future__ import annotations

import click

from holdfast.cli.output import Api, client_verb, plain, when

_SESSION = """\b
Examples:
  holdfast session list
  holdfast session end 7
"""
_LIST = """\b
Examples:
  holdfast session list
  holdfast session list --user dora
"""
_END = """\b
Examples:
  holdfast session end 7
  holdfast session end --all --user dora
"""


@click.group(epilog=_SESSION)
def session() -> None:
    """See and end what is logged in: yours, or anybody's for administrators."""


@session.command("list", epilog=_LIST)
@click.option("--user", metavar="NAME", help="Whose, a user's or a robot's; for administrators.")
@client_verb
def list_(api: Api, *, user: str | None) -> None:
    """List the sessions that are alive."""
    api.show_list(
        api.client.pages("/sessions", account=user),
        ("ID", "CLIENT", "SINCE", "LAST USED", "FROM", "UNTIL", ""),
        lambda each: (
            each["id"],
            each["client"],
            when(each["made_at"]),
            when(each["used_at"], "never"),
            each["used_from"],
            when(each["expires_at"]),
            "this one" if each["current"] else "",
        ),
        "no sessions",
    )


@session.command(epilog=_END)
@click.argument("id", required=False, type=click.IntRange(1))
@click.option("--all", "every", is_flag=True, help="All of the user's.")
@click.option("--user", metavar="NAME", help="With --all: whose.")
@client_verb
def end(api: Api, *, id: int | None, every: bool, user: str | None) -> None:
    """End the session ID: it is refused from the next request on."""
    if (id is None) != every:
        raise click.UsageError("give an ID, or --all")
    if id is not None:
        api.client.delete(f"/sessions/{id}")
        api.show({"ended": 1}, f"ended session {id}")
        return
    ended = api.client.delete("/sessions", account=user)
    api.show(ended, f"ended {plain(ended['ended'])} sessions")
