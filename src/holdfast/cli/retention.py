"""`holdfast retention`: which tags stay, by rules, on the registry that one is logged in to."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from holdfast.cli.confirming import confirm, counted
from holdfast.cli.images import image_name
from holdfast.cli.output import Api, client_verb, plain, show_table, when
from holdfast.cli.progress import follow
from holdfast.cli.sizes import size_text

_RETENTION = """\b
Examples:
  holdfast retention set shop rules.json
  holdfast retention plan shop
  holdfast retention apply 12
  holdfast retention test shop/web:v1
"""
_SET = """\b
Examples:
  holdfast retention set shop rules.json --dry-run
  holdfast retention set shop rules.json
  holdfast retention set shop/keep none
"""
_SHOW = """\b
Examples:
  holdfast retention show shop/web
  holdfast retention show shop/web --json
"""
_RESET = """\b
Examples:
  holdfast retention reset shop/keep
"""
_PLAN = """\b
Examples:
  holdfast retention plan shop
  holdfast retention plan shop/web --kept
  holdfast retention plan shop --rules rules.json
  holdfast retention plan shop --apply --yes
"""
_PLANS = """\b
Examples:
  holdfast retention plans
  holdfast retention plans --path shop
"""
_ITEMS = """\b
Examples:
  holdfast retention items 12
  holdfast retention items 12 --kept --json
"""
_APPLY = """\b
Examples:
  holdfast retention apply 12 --dry-run
  holdfast retention apply 12
  holdfast retention apply 12 --yes
"""
_TEST = """\b
Examples:
  holdfast retention test shop/web:v1
  holdfast retention test shop/web:v1 --rules rules.json
"""
_IMPORT = """\b
Examples:
  holdfast retention import lifecycle.json
  holdfast retention import cleanup.json --path shop > rules.json
"""
_SHOWN = 20


@click.group(epilog=_RETENTION)
def retention() -> None:
    """Say which tags stay, see what rules would drop, and drop it."""


@retention.command("set", epilog=_SET)
@click.argument("path")
@click.argument("file")
@click.option("--dry-run", is_flag=True, help="Only check the rules, and say how many repositories they touch.")
@client_verb
def set_(api: Api, path: str, file: str, *, dry_run: bool) -> None:
    """Let the rules in FILE ('-': standard input; 'none': no rules) hold for PATH and all below it.

    Nothing is dropped by this: see what would be with `holdfast retention plan`.
    """
    value = "none" if file == "none" else _read(file)
    given = {"path": path, "value": value, "dry_run": dry_run}
    change = api.client.put("/settings/retention", given)
    said = f"{counted(change['changed'], 'repository', 'repositories')} {'would follow' if dry_run else 'follow'} it"
    if change["overriding"]:
        said += f"; {change['overriding']:,} have rules of a path below"
    api.show(change, f"the rules are sound: {said}" if dry_run else f"the rules of {path} are set: {said}")


@retention.command(epilog=_RESET)
@click.argument("path")
@client_verb
def reset(api: Api, path: str) -> None:
    """Let PATH follow the rules of the nearest path above it."""
    change = api.client.delete("/settings/retention", path=path)
    api.show(change, f"{path} follows the rules above it")


@retention.command(epilog=_SHOW)
@click.argument("path")
@client_verb
def show(api: Api, path: str) -> None:
    """Show the rules that hold at PATH, in words, and which path says them."""
    api.show(api.client.get("/retention", path=path), _show_rules)


@retention.command(epilog=_PLAN)
@click.argument("path")
@click.option("--kept", is_flag=True, help="Also show what a rule would drop and another one keeps.")
@click.option("--rules", metavar="FILE", help="As if these rules held at PATH ('-': standard input): only to look at.")
@click.option("--apply", is_flag=True, help="Then carry it out, after asking.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@client_verb
def plan(api: Api, path: str, *, kept: bool, rules: str | None, apply: bool, yes: bool) -> None:
    """Find what the rules of PATH and all below it would drop. Nothing is dropped by this.

    The plan is kept: `holdfast retention apply` carries out exactly it, without what changed meanwhile. With --rules
    nothing is set: what comes is what these rules would drop, for `holdfast retention set` to make them hold.
    """
    if rules is not None and apply:
        raise click.UsageError("--rules is only to look at: set the rules, then plan with --apply")
    given = {"path": path} if rules is None else {"path": path, "rules": _json(rules)}
    started = api.client.post("/retention/plans", given)
    _follow(api, started, f"plan {started['plan']}")
    found = api.client.get(f"/retention/plans/{started['plan']}")
    if not apply:
        if api.as_json:
            api.show({**found, "items": _items(api, found["id"], kept=kept)})
            return
        _show_plan(api, found, kept=kept)
        if rules is not None:
            click.echo(f"these rules do not hold: set them with: holdfast retention set {plain(path)} {plain(rules)}")
        elif found["drops"]:
            click.echo(f"carry it out with: holdfast retention apply {found['id']}")
        return
    _carry_out(api, found, yes=yes)


@retention.command(epilog=_PLANS)
@click.option("--path", metavar="PATH", help="Only plans that were made for exactly this path.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The most plans shown.")
@client_verb
def plans(api: Api, *, path: str | None, limit: int) -> None:
    """List plans, newest first: those that were asked for, and those of schedules and pushes."""
    api.show_list(
        api.client.pages("/retention/plans", most=limit, path=path),
        ("PLAN", "PATH", "WHY", "STATE", "MADE", "DROPS", "DROPPED", "SKIPPED", "FREED"),
        lambda each: (
            each["id"],
            each["path"] or "(everything)",
            each["cause"],
            each["state"],
            when(each["made_at"]),
            each["drops"],
            each["dropped"],
            each["skipped"],
            size_text(each["freed"]),
        ),
        "no plans in your sight",
    )


@retention.command(epilog=_ITEMS)
@click.argument("plan", type=click.IntRange(1))
@click.option("--kept", is_flag=True, help="Also show what a rule would drop and another one keeps.")
@client_verb
def items(api: Api, plan: int, *, kept: bool) -> None:
    """List what PLAN would drop, or has dropped, and why."""
    found = _items(api, plan, kept=kept)
    api.show({"items": found}, lambda _: _show_items(found))


@retention.command(epilog=_APPLY)
@click.argument("plan", type=click.IntRange(1))
@click.option("--dry-run", is_flag=True, help="Only show what would be dropped.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@client_verb
def apply(api: Api, plan: int, *, dry_run: bool, yes: bool) -> None:
    """Carry out PLAN: drop what it names, but what changed since it was made.

    What is dropped can be rolled back to inside the history window.
    """
    found = api.client.get(f"/retention/plans/{plan}")
    if dry_run:
        dropping = _items(api, plan, kept=False)
        api.show({**found, "items": dropping}, lambda _: _show_items(dropping))
        return
    _carry_out(api, found, yes=yes)


@retention.command(epilog=_TEST)
@click.argument("image")
@click.option("--rules", metavar="FILE", help="Judge by these rules, not by those that hold ('-': standard input).")
@client_verb
def test(api: Api, image: str, *, rules: str | None) -> None:
    """Say what rules would do with IMAGE (REPOSITORY:TAG) now, and why."""
    repository, colon, name = image_name(api.client, image).rpartition(":")
    if not colon:
        raise click.UsageError("name a tag, as in shop/web:v1")
    given = {"repository": repository, "tag": name, "rules": _json(rules) if rules is not None else None}
    api.show(api.client.post("/retention/test", given), _show_test)


@retention.command("import", epilog=_IMPORT)
@click.argument("file")
@click.option("--path", default="", metavar="PATH", help="The namespace whose repositories packages are.")
@click.option("--set", "sets", is_flag=True, help="Set the rules of PATH, when everything could be translated.")
@client_verb
def import_(api: Api, file: str, *, path: str, sets: bool) -> None:
    """Translate FILE, a lifecycle policy of ECR or a cleanup policy of Artifact Registry ('-': standard input).

    The rules are printed; what has no translation is told on standard error, and makes the exit status 1.
    """
    found = api.client.post("/retention/import", {"path": path, "document": _read(file)})
    for each in found["notes"]:
        click.echo(f"note: {plain(each)}", err=True)
    for each in found["refused"]:
        click.echo(f"refused: {plain(each['rule'])}: {plain(each['reason'])}", err=True)
    click.echo(json.dumps(found if api.as_json else found["document"], indent=2))
    if sets and not found["refused"]:
        api.client.put("/settings/retention", {"path": path, "value": json.dumps(found["document"])})
        click.echo(f"the rules of {path or 'everything'} are set", err=True)
    if found["refused"]:
        sys.exit(1)


def _carry_out(api: Api, found: dict[str, Any], *, yes: bool) -> None:
    if not found["drops"]:
        api.show(found, "nothing to do: the plan drops nothing")
        return
    going = []
    if not yes:
        first = _items(api, found["id"], kept=False, most=_SHOWN)
        going = [f"{_named(each)}: {plain(each['reason'])}" for each in first]
        if found["drops"] > len(first):
            going.append(f"... and {found['drops'] - len(first):,} more")
    confirm(going, f"Drop {counted(found['drops'], 'item')} of plan {found['id']}?", yes=yes)
    started = api.client.post(f"/retention/plans/{found['id']}/apply")
    _follow(api, started, f"apply plan {found['id']}")
    done = api.client.get(f"/retention/plans/{found['id']}")
    said = f"{done['dropped']:,} dropped, {size_text(done['freed'])} free once the history window is over"
    if done["skipped"]:
        said += f"; {done['skipped']:,} skipped: holdfast retention items {done['id']}"
    api.show(done, said)


def _follow(api: Api, started: dict[str, Any], title: str) -> None:
    if started["job"] is not None:
        follow(api, api.client.get(f"/jobs/{started['job']}"), title)


def _items(api: Api, plan_id: int, *, kept: bool, most: int | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for each in api.client.pages(f"/retention/plans/{plan_id}/items"):
        if kept or each["verdict"] == "drop":
            found.append(each)
            if most is not None and len(found) == most:
                break
    return found


def _named(item: dict[str, Any]) -> str:
    return f"{item['repository']}:{item['tag']}" if item["tag"] else f"{item['repository']}@{item['digest']}"


def _show_plan(api: Api, found: dict[str, Any], *, kept: bool) -> None:
    _show_items(_items(api, found["id"], kept=kept))
    click.echo(
        f"plan {found['id']}: {found['drops']:,} of {counted(found['tags'], 'tag')} and untagged manifests in "
        f"{counted(found['repositories'], 'repository', 'repositories')} would go, {found['keeps']:,} more are kept by "
        f"rules; {size_text(found['bytes'])} free once the history window is over"
    )
    if found["tracked_since"]:
        click.echo(f"what was pulled is known since {when(found['tracked_since'])}")


def _show_items(found: list[dict[str, Any]]) -> None:
    if not found:
        click.echo("nothing would go")
        return
    table = [
        (
            (each["skipped"] and "skipped") or ("dropped" if each["outcome"] == "done" else each["verdict"]),
            _named(each),
            when(each["pushed_at"]),
            size_text(each["bytes"]),
            each["rule"],
            each["skipped"] or each["reason"],
        )
        for each in found
    ]
    show_table(("VERDICT", "WHAT", "PUSHED", "FREES", "RULE", "WHY"), table)


def _show_rules(found: dict[str, Any]) -> None:
    if not found["rules"]:
        click.echo(f"no rules hold at {found['path'] or 'the top'}: everything stays")
        return
    click.echo(f"by the rules of {found['set_at'] or 'everything'}; keep wins, and what no rule drops stays:")
    for each in found["rules"]:
        click.echo(f"  {plain(each['name'])}: {plain(each['meaning'])}")
    if found["schedule"]:
        click.echo(f"applied by schedule: {found['schedule']} (UTC)")
    if found["on_push"]:
        click.echo("applied in a repository after a push to it")
    if not found["schedule"] and not found["on_push"]:
        click.echo("never applied by themselves: holdfast retention plan")


def _show_test(found: dict[str, Any]) -> None:
    word = {"drop": "would be dropped", "keep": "is kept", "stay": "stays"}[found["verdict"]]
    by = f" by the rule {found['rule']}" if found["rule"] else ""
    click.echo(f"{found['repository']}:{found['tag']} {word}{plain(by)}: {plain(found['reason'])}")
    click.echo(f"pushed {when(found['pushed_at'])}, pulled {when(found['pulled_at'], 'never that is known')}")


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from error


def _json(file: str) -> Any:
    try:
        return json.loads(_read(file))
    except ValueError as error:
        raise click.UsageError(f"{file} is not JSON: {error}") from error
