"""`holdfast unusual`: alerts about unusual access, and why each was raised."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from holdfast.cli.output import Api, client_verb, plain, when

_UNUSUAL = """\b
Examples:
  holdfast unusual list
  holdfast unusual show 12
  holdfast unusual expect 12 --note 'the new cluster in Oslo'
  holdfast unusual tune shop rules.json
"""
_LIST = """\b
Examples:
  holdfast unusual list
  holdfast unusual list --state all --json
"""
_SHOW = """\b
Examples:
  holdfast unusual show 12
"""
_ACKNOWLEDGE = """\b
Examples:
  holdfast unusual acknowledge 12 --note 'the key was stolen, and is revoked'
"""
_EXPECT = """\b
Examples:
  holdfast unusual expect 12 --note 'the new cluster in Oslo'
"""
_TUNE = """\b
Examples:
  echo '{"sensitivity": "high", "actions": {"canary": "suspend"}}' | holdfast unusual tune shop -
  echo '{"off": ["hours"], "learning": "30d"}' | holdfast unusual tune shop/web -
  holdfast unusual tune shop none
"""
_note = click.option("--note", default="", help="Why, for those who look later.")


@click.group(epilog=_UNUSUAL)
def unusual() -> None:
    """See alerts about unusual access, close them, and say how finely to look."""


@unusual.command("list", epilog=_LIST)
@click.option("--state", type=click.Choice(["open", "acknowledged", "expected", "all"]), default="open")
@client_verb
def list_(api: Api, state: str) -> None:
    """List alerts, the newest first."""
    api.show_list(
        api.client.pages("/unusual/alerts", state=state),
        ("ALERT", "STATE", "SCORE", "WHO", "LAST", "BECAUSE OF"),
        _row,
        "no alerts",
    )


@unusual.command(epilog=_SHOW)
@click.argument("alert", type=int)
@client_verb
def show(api: Api, alert: int) -> None:
    """Show the alert numbered ALERT: what was unusual, what is usual, and what each adds to the score."""
    api.show(api.client.get(f"/unusual/alerts/{alert}"), _explain)


@unusual.command(epilog=_ACKNOWLEDGE)
@click.argument("alert", type=int)
@_note
@client_verb
def acknowledge(api: Api, alert: int, note: str) -> None:
    """Close an alert that you looked at. What it tells stays unusual: when it comes again, that is another alert."""
    api.show(api.client.post(f"/unusual/alerts/{alert}/acknowledge", {"note": note}), f"alert {alert} is closed")


@unusual.command(epilog=_EXPECT)
@click.argument("alert", type=int)
@_note
@client_verb
def expect(api: Api, alert: int, note: str) -> None:
    """Close an alert whose cause is meant: what it tells is usual for its subjects from now on."""
    found = api.client.post(f"/unusual/alerts/{alert}/expect", {"note": note})
    api.show(found, f"alert {alert} is closed, and usual from now on for {plain(found['subjects'])}")


@unusual.command(epilog=_TUNE)
@click.argument("path")
@click.argument("file")
@client_verb
def tune(api: Api, path: str, file: str) -> None:
    """Let what FILE says ('-': standard input; 'none': the usual) hold for PATH ('': everything) and all below it."""
    value = file if file == "none" else _read(file)
    change = api.client.put("/settings/unusual", {"path": path, "value": value, "dry_run": False})
    api.show(change, f"set for {path or 'everything'}: {plain(value.strip())}")


def _read(file: str) -> str:
    return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")


def _row(each: dict[str, Any]) -> tuple[object, ...]:
    who = each["subjects"][0] + (f" and {len(each['subjects']) - 1} more" if len(each["subjects"]) > 1 else "")
    because = ", ".join(f"{finding['kind']} +{finding['points']}" for finding in each["findings"])
    return (each["id"], each["state"], each["score"], who, when(each["last_at"]), because)


def _explain(found: dict[str, Any]) -> None:
    who = plain(found["subjects"])
    lines = [f"alert {found['id']}, {found['state']}: {who} at {found['path'] or 'everything'}, score {found['score']}"]
    lines.append(f"  by {found['credential'] or 'no credential'} from {found['network'] or 'an unknown network'}")
    lines.append(f"  from {when(found['began_at'])} to {when(found['last_at'])}, told {found['times']} times")
    for each in found["findings"]:
        lines.append(f"  +{each['points']:<3} {each['kind']}: {each['value']}")
        lines.append(f"       usual: {each['usual']}")
    if found["action"]:
        lines.append(f"  done: {found['action']}")
    if found["closed_by"]:
        lines.append(f"  closed by {found['closed_by']} at {when(found['closed_at'])}: {found['note'] or 'no note'}")
    for line in lines:
        click.echo(plain(line))
