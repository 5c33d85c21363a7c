"""`holdfast rollback`: tags back to where they were at an instant."""

from __future__ import annotations

import sys
from typing import Any

import click

from holdfast.cli.history import digest_text
from holdfast.cli.images import image_name
from holdfast.cli.moments import INSTANT, instant
from holdfast.cli.output import REFUSED, Api, client_verb, show_table, when

_ROLLBACK = """\b
Examples:
  holdfast rollback shop/web:stable --to 2h --dry-run
  holdfast rollback shop/web:stable --to 2h
  holdfast rollback shop/web --to 2027-01-31T18:00:00Z --exact --yes
  holdfast rollback 'shop/**' --to 1d --tags 'prod-*' --skip-blocked
"""
_PIECE = 5000
_SHOWN = 20
_CHANGING = ("create", "move", "delete")


@click.command(epilog=_ROLLBACK)
@click.argument("target")
@click.option("--to", "to", required=True, metavar="TIME", help=INSTANT)
@click.option("--tags", metavar="GLOB", help="Only tags of this glob.")
@click.option("--exact", is_flag=True, help="End the tags that were born later, too.")
@click.option(
    "--skip-blocked", is_flag=True, help="Leave what cannot be changed as it is, instead of changing nothing."
)
@click.option("--dry-run", is_flag=True, help="Only list every change.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@client_verb
def rollback(
    api: Api,
    target: str,
    *,
    to: str,
    tags: str | None,
    exact: bool,
    skip_blocked: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Take the tags of TARGET back to where they were at a time.

    TARGET is REPOSITORY:TAG, REPOSITORY, or a namespace ('shop/**': the repository and all below it). It is one
    transaction: all of it happens, or nothing. A rollback is undone by another one, to the time right before it.
    """
    wish = {
        "target": image_name(api.client, target),
        "to": instant(to) or _now(),
        "tags": tags,
        "exact": exact,
        "skip_blocked": skip_blocked,
    }
    plan = _planned(api, wish, whole=dry_run)
    if dry_run:
        api.show(plan, _show_plan)
        return
    if plan["blocked"] and not skip_blocked:
        _show_items([each for each in plan["items"] if each["effect"] == "blocked"][:_SHOWN])
        click.echo(f"holdfast: {plan['blocked']} changes cannot be made: --skip-blocked leaves those tags", err=True)
        sys.exit(REFUSED)
    changes = sum(plan[effect] for effect in _CHANGING)
    if not changes:
        api.show(plan, "nothing to do: every tag is where it was")
        return
    if not yes:
        _confirm(plan, changes)
    done = api.client.post("/rollbacks", {**wish, "fingerprint": plan["fingerprint"]})
    api.show(done, _show_done)


def _planned(api: Api, wish: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """The dry run; `whole`: with all of its items, else with its first and whatever is blocked among them."""
    body = {**wish, "dry_run": True}
    plan: dict[str, Any] = api.client.post("/rollbacks", body, limit=_PIECE)
    page = plan
    while page["next"] is not None and (whole or (plan["blocked"] and not wish["skip_blocked"])):
        page = api.client.post(
            "/rollbacks", {**body, "fingerprint": plan["fingerprint"]}, limit=_PIECE, after=page["next"]
        )
        plan["items"] += page["items"]
    plan["next"] = None if whole else plan["next"]
    return plan


def _confirm(plan: dict[str, Any], changes: int) -> None:
    """Ask, naming what will change. Ends the program when the answer is no, or nobody can be asked."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"{changes} tags would change: look at them with --dry-run, then say --yes")
    _show_items([each for each in plan["items"] if each["effect"] in _CHANGING][:_SHOWN])
    if changes > _SHOWN:
        click.echo(f"... {changes - _SHOWN} more")
    _show_summary(plan)
    click.confirm(f"Change {changes} tags in {plan['repositories']} repositories?", abort=True)


def _show_plan(plan: dict[str, Any]) -> None:
    _show_items(plan["items"])
    _show_summary(plan)


def _show_done(done: dict[str, Any]) -> None:
    _show_items(done["items"])
    click.echo(
        f"rolled back to {when(done['to'])}: {done['create']} tags created, {done['move']} moved, {done['delete']} "
        f"deleted in {done['repositories']} repositories" + (f"; {done['blocked']} left" if done["blocked"] else "")
    )


def _show_items(items: list[dict[str, Any]]) -> None:
    if not items:
        return
    table = [
        (
            each["effect"],
            f"{each['repository']}:{each['tag']}",
            digest_text(each["now"], there=False),
            digest_text(each["then"], there=each["effect"] == "blocked"),
            each["why"],
        )
        for each in items
    ]
    show_table(("EFFECT", "TAG", "NOW", "THEN", "WHY"), table)


def _show_summary(plan: dict[str, Any]) -> None:
    parts = [f"{plan[effect]} to {effect}" for effect in _CHANGING if plan[effect]]
    if plan["blocked"]:
        parts.append(f"{plan['blocked']} blocked")
    click.echo(f"{', '.join(parts) or 'nothing to change'}; {plan['same']} stay as they are")
    click.echo(f"what tags pointed to is sure to be stored since {when(plan['window_from'])}")


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
