"""`holdfast policy`: who may do what, from one file: tried on past use, and applied."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from holdfast.cli.output import Api, client_verb, plain, show_table, when
from holdfast.cli.policy_file import read_policy, toml_of

_POLICY = """\b
Examples:
  holdfast grant export > policy.toml             what stands, as a file
  holdfast policy test policy.toml --days 30      what would that have refused, and to whom?
  holdfast policy apply policy.toml --dry-run     what would be changed
  holdfast policy apply policy.toml
"""
_TEST = """\b
Examples:
  holdfast policy test policy.toml --days 30
  holdfast policy test policy.toml --days 7 --json
"""
_APPLY = """\b
Examples:
  holdfast policy apply policy.toml --dry-run
  holdfast policy apply policy.toml
  holdfast policy apply shop.toml --yes
"""
_EXPORT = """\b
Examples:
  holdfast grant export > policy.toml
  holdfast grant export --path shop > shop.toml
  holdfast grant export --json
"""
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SIGNS = {"add": "+", "change": "~", "remove": "-"}
_SHOWN = 200


@click.group(epilog=_POLICY)
def policy() -> None:
    """Try and apply a file that says who may do what."""


@policy.command(epilog=_TEST)
@click.argument("file", type=_FILE)
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How far back.")
@client_verb
def test(api: Api, *, file: Path, days: int) -> None:
    """Try FILE on what was really done: who would be refused what, and who would be let in.

    Every use of a right is kept for a time, in aggregates. Each is decided by the policy that stands and by the file;
    what comes out otherwise is listed, with how often it was. What the aggregates cannot tell is counted below. Nothing
    is changed.
    """
    draft = read_policy(file)
    changes: list[dict[str, Any]] = []
    not_covered: Counter[str] = Counter()
    uses = drifted = 0
    after: str | None = ""
    while after is not None:
        part = api.client.post("/policy/test", {"policy": draft, "days": days, "after": after})
        changes += part["changes"]
        not_covered.update(part["not_covered"])
        uses, drifted = uses + part["uses"], drifted + part["drifted"]
        after = part["next"]
    report = {
        "days": days,
        "uses": uses,
        "newly_denied": merged(change for change in changes if not change["allowed"]),
        "newly_allowed": merged(change for change in changes if change["allowed"]),
        "not_covered": dict(not_covered),
        "drifted": drifted,
    }
    api.show(report, lambda _: _say(report))


@policy.command(epilog=_APPLY)
@click.argument("file", type=_FILE)
@click.option("--dry-run", is_flag=True, help="Show what would be changed, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask on a terminal before something is taken away.")
@client_verb
def apply(api: Api, *, file: Path, dry_run: bool, yes: bool) -> None:
    """Make roles, groups, grants and visibility as FILE says, all of it or nothing.

    Shows the difference first. What stands and is not in a section of FILE is removed; a section that FILE does not
    have is left alone. On a terminal it asks before anything is removed. You can confer by a file only what you could
    confer one by one.
    """
    draft = read_policy(file)
    found, version = api.client.post_version("/policy/difference", draft)
    changes = found["changes"]
    if not api.as_json:
        for change in changes:
            click.echo(f"{_SIGNS[change['how']]} {change['kind']}  {plain(change['said'])}")
    removes = sum(change["how"] == "remove" for change in changes)
    if not changes or dry_run:
        said = "nothing to change" if not changes else f"{len(changes)} changes, of which nothing was made (--dry-run)"
        api.show({"changes": changes, "applied": False}, said)
        return
    if removes and not yes and sys.stdin.isatty() and not click.confirm(f"{removes} of these are removed: go on?"):
        raise click.ClickException("nothing was changed")
    made = api.client.put("/policy", draft, version=version)
    api.show({"changes": made["changes"], "applied": True}, f"{len(made['changes'])} changes made")


@click.command(epilog=_EXPORT)
@click.option("--path", default="", metavar="PATH", help="Only what lives at or below this path.")
@client_verb
def export(api: Api, *, path: str) -> None:
    """Write who may do what as a file, for `holdfast policy test` and `holdfast policy apply`.

    The file is TOML; with --json it is JSON, which these verbs read as well. Needs manage-access or read-audit on all
    of it.
    """
    found = api.client.get("/policy", path=path or None)
    click.echo(json.dumps(found, indent=2) if api.as_json else toml_of(found), nl=api.as_json)


def merged(changes: Any) -> list[dict[str, Any]]:
    """Changes of use, one for each subject, action and place, the most frequent first."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for change in changes:
        names = ("subject", "action", "repository", "reference", "because")
        one = found.setdefault(
            tuple(change[name] for name in names),
            {
                **{name: change[name] for name in names},
                "count": 0,
                "first_at": change["first_at"],
                "last_at": change["last_at"],
                "credentials": [],
                "networks": [],
                "agents": [],
            },
        )
        one["count"] += change["count"]
        one["first_at"] = min(one["first_at"], change["first_at"])
        one["last_at"] = max(one["last_at"], change["last_at"])
        for many, single in (("credentials", "credential"), ("networks", "network"), ("agents", "agent")):
            if change[single] and change[single] not in one[many]:
                one[many].append(change[single])
    return sorted(found.values(), key=lambda each: (-each["count"], each["subject"], each["repository"]))


def _say(report: Mapping[str, Any]) -> None:
    _say_changes("would be refused from now on:", report["newly_denied"])
    _say_changes("was refused, and would be allowed from now on:", report["newly_allowed"])
    if not report["newly_denied"] and not report["newly_allowed"]:
        click.echo("nothing that was done would come out otherwise")
    click.echo(f"{report['uses']} uses of the last {report['days']} days were tried")
    if report["drifted"]:
        click.echo(f"{report['drifted']} of these come out otherwise by now already: the policy changed since")
    for why, count in sorted(report["not_covered"].items()):
        click.echo(f"not covered: {count} x {plain(why)}")


def _say_changes(title: str, changes: Sequence[Mapping[str, Any]]) -> None:
    if not changes:
        return
    click.echo(title)
    rows = [
        (
            each["count"],
            each["subject"],
            each["action"],
            each["repository"] + (":" + each["reference"] if each["reference"] else ""),
            when(each["last_at"]),
            each["networks"][:3],
            each["because"],
        )
        for each in changes[:_SHOWN]
    ]
    show_table(("TIMES", "WHO", "WHAT", "WHERE", "LAST", "FROM", "WHY"), rows)
    if len(changes) > _SHOWN:
        click.echo(f"and {len(changes) - _SHOWN} more: see --json")
