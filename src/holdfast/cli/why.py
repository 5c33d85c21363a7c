"""`holdfast why` and `holdfast who-may`: may they, by which grant, and what would change it."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.grants import conditions_said, said
from holdfast.cli.groups import subject as called
from holdfast.cli.moments import moment
from holdfast.cli.output import Api, client_verb, plain, show_table

_WHY = """\b
Examples:
  holdfast why user:dora pull shop/web:prod-1
  holdfast why anonymous pull shop/web
  holdfast why robot:shop+ci create-tag shop/web:ci-7 --from 10.0.0.9
  holdfast why user:otto administer
\b
Actions at tags: pull, create-tag, overwrite, delete-tag, sign. Of repositories: create-repository, list, settings,
delete-repository, manage-access, read-audit. Of the installation: operate, administer.
"""
_WHO = """\b
Examples:
  holdfast who-may pull shop/web:prod-1
  holdfast who-may administer
"""
_TARGET = "[REPO[:TAG]]"
_SAID = {
    "all": ("allowed", "may", ""),
    "some": ("allowed at some tags", "may", " at some tags"),
    "none": ("denied", "may not", ""),
}


@click.command(epilog=_WHY)
@click.argument("subject")
@click.argument("action")
@click.argument("target", required=False, metavar=_TARGET)
@click.option("--from", "address", metavar="ADDRESS", help="As if it came from there.")
@click.option("--at", metavar="WHEN", help="As if it were then: 2027-01-31T18:00:00Z, or 12h from now.")
@client_verb
def why(api: Api, subject: str, action: str, target: str | None, *, address: str | None, at: str | None) -> None:
    """Say whether SUBJECT may do ACTION in REPO, at TAG, by which grant, and what would allow it.

    Answered by the engine that decides. About yourself you are told the rules that name you; about others you are told
    where you manage access or read the audit.
    """
    repository, tag = _split(target)
    told = api.client.get(
        "/why",
        subject=called(subject),
        action=action,
        repository=repository,
        tag=tag,
        address=address,
        at=moment(at),
    )
    api.show(told, _show)


@click.command("who-may", epilog=_WHO)
@click.argument("action")
@click.argument("target", required=False, metavar=_TARGET)
@client_verb
def who_may(api: Api, action: str, target: str | None) -> None:
    """List who may do ACTION in REPO, at TAG, by a grant to them or their groups."""
    repository, tag = _split(target)
    api.show_list(
        api.client.pages("/why/holders", action=action, repository=repository, tag=tag),
        ("SUBJECT", "AT TAGS", "WHY"),
        lambda each: (each["subject"], each["extent"] if tag is None else tag, each["reason"]),
        "nobody, by a grant of their own or their groups",
    )


def _show(told: dict[str, Any]) -> None:
    target = told["repository"] if told["tag"] is None else f"{told['repository']}:{told['tag']}"
    verdict, may, where = _SAID[told["extent"]]
    click.echo(f"{verdict}: {plain(told['subject'])} {may} {plain(told['action'])} {plain(target)}{where}")
    click.echo(f"because: {plain(told['reason'])}")
    if told["remedy"]:
        click.echo(f"would allow it: {plain(told['remedy'])}")
    if told["public_at"] is not None and told["extent"] == "none":
        click.echo(f"open to everyone at: {plain(told['public_at']) or 'the root'}")
    if told["rules"]:
        click.echo()
        decisive = {each["grant"]["id"] for each in told["decisive"]}
        rows = [_row(each, decisive=each["grant"]["id"] in decisive) for each in told["rules"]]
        show_table(("", "GRANT", "SUBJECT", "ROLE", "WHERE", "WHEN", "INHERITED FROM", "COUNTS"), rows)


def _row(rule: dict[str, Any], *, decisive: bool) -> tuple[object, ...]:
    grant = rule["grant"]
    return (
        "*" if decisive else "",
        grant["id"],
        grant["subject"],
        said(grant),
        grant["scope"],
        conditions_said(grant),
        rule["inherited_from"] or "the root",
        f"no: {rule['fails']}" if rule["fails"] else "yes",
    )


def _split(target: str | None) -> tuple[str | None, str | None]:
    """REPO[:TAG] in its parts."""
    if target is None:
        return None, None
    repository, colon, tag = target.partition(":")
    return repository, tag if colon else None
