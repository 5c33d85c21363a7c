"""`holdfast insights`: who pulls what, on the registry that one is logged in to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import click

from holdfast.cli.client import Problem
from holdfast.cli.moments import seconds
from holdfast.cli.output import Api, client_verb, show_table, when
from holdfast.cli.sizes import size_text
from holdfast.cli.sparkline import sparkline
from holdfast.cli.spreadsheet import csv_lines

_BY = ("tag", "digest", "platform", "class", "agent", "network", "subject")
_MONTH = ("path", "month", "stored", "average", "pulls", "pushes", "sent", "received")
_INSIGHTS = """\b
Examples:
  holdfast insights shop/web
  holdfast insights shop/web --by agent --days 90 --all
  holdfast insights shop/web --who --tag v1
  holdfast insights shop --top
  holdfast insights shop/web --idle 90d
  holdfast insights --showback --csv > teams.csv
"""


@click.command(epilog=_INSIGHTS)
@click.argument("path", required=False, default="")
@click.option("--days", type=click.IntRange(1), default=30, show_default=True, help="So many days, today among them.")
@click.option("--by", type=click.Choice(_BY), default="tag", show_default=True, help="Along what to count.")
@click.option("--all", "everyone", is_flag=True, help="Scanners and mirrors, too.")
@click.option("--who", is_flag=True, help="Who pulled and pushed, with what, from where. Needs read-audit.")
@click.option("--tag", help="With --who: only this tag, and what it led to by digest.")
@click.option("--digest", help="With --who: only this digest.")
@click.option("--top", is_flag=True, help="What is pulled most in 30 days.")
@click.option("--idle", metavar="TIME", help="What nobody pulled for so long, as in 90d.")
@click.option("--showback", is_flag=True, help="What each namespace stores and moves, by month.")
@click.option("--months", type=click.IntRange(1, 60), default=12, show_default=True, help="With --showback: so many.")
@click.option("--csv", "as_csv", is_flag=True, help="With --showback: comma-separated, for a spreadsheet.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="The most lines shown.")
@client_verb
def insights(
    api: Api,
    path: str,
    *,
    days: int,
    by: str,
    everyone: bool,
    who: bool,
    tag: str | None,
    digest: str | None,
    top: bool,
    idle: str | None,
    showback: bool,
    months: int,
    as_csv: bool,
    limit: int,
) -> None:
    """Show pulls and pushes of PATH, a repository; of a namespace, or without PATH of everything, what is pulled most
    and what each month stored and moved.

    Scanners and mirrors are left out unless you ask for --all; show-back counts them.
    """
    if sum(map(bool, (who, top, idle, showback))) > 1:
        raise click.UsageError("--who, --top, --idle and --showback exclude each other")
    if (tag or digest) and not who:
        raise click.UsageError("--tag and --digest need --who")
    if as_csv and not showback:
        raise click.UsageError("--csv needs --showback")
    if who:
        asked = {"days": days, "all": everyone, "tag": tag, "digest": digest, "limit": min(limit, 500)}
        api.show(api.client.get("/insights/who", repository=path, **asked), _who)
    elif top:
        api.show(api.client.get("/insights/top", path=path, limit=min(limit, 500)), _top)
    elif idle is not None:
        _idle(api, path, max(1, (seconds(idle) or 0) // 86_400), limit)
    elif showback:
        _showback(api, path, months, as_csv=as_csv)
    else:
        _report(api, path, {"days": days, "by": by, "all": everyone, "limit": min(limit, 500)})


def _report(api: Api, path: str, asked: dict[str, Any]) -> None:
    try:
        found = api.client.get("/insights", repository=path, **asked) if path else None
    except Problem as problem:
        if problem.status != 404:
            raise
        found = None
    if found is not None:
        api.show(found, lambda report: _repository(report, everyone=asked["all"]))
        return
    top = api.client.get("/insights/top", path=path, limit=asked["limit"])["items"]
    months = [row for row in _months(api, path, 12) if row["path"] == path]
    api.show({"path": path, "months": months, "top": top}, _namespace)


def _repository(report: dict[str, Any], *, everyone: bool) -> None:
    total, days = report["total"], report["days"]
    if total is not None:
        counts = {date.fromisoformat(day["day"]): day for day in days}
        first = date.fromisoformat(report["first_day"])
        last = max([first, *counts, _today()])
        every = [first + timedelta(number) for number in range((last - first).days + 1)]
        for name in ("pulls", "pushes"):
            bars = sparkline([counts[day][name] if day in counts else 0 for day in every])
            click.echo(f"{name:<7}{total[name]:>10,}  {bars}")
        click.echo(f"{'sent':<7}{size_text(total['sent']):>10}")
        click.echo(f"also {total['indexes']:,} GETs of indexes and {total['checks']:,} checks by HEAD, no pulls")
    _since(report)
    if not everyone:
        click.echo("scanners and mirrors are left out: --all counts them")
    if report["rows"]:
        click.echo()
        rows = [(_name(row["name"], report["by"]), row["pulls"], row["named"], row["pushes"]) for row in report["rows"]]
        show_table((report["by"].upper(), "PULLS", "BY NAME", "PUSHES"), rows)
    if report["more"]:
        click.echo("there is more: raise --limit")


def _today() -> date:
    from datetime import UTC, datetime

    return datetime.now(UTC).date()


def _name(name: str | None, by: str) -> str:
    if name is None:
        return "(not known)" if by == "platform" else "(others)"
    return name or ("(no image)" if by == "platform" else "(none said)")


def _since(found: dict[str, Any]) -> None:
    if found["counted_since"] is None:
        click.echo("nothing was counted yet")
    elif found["counted_since"] > found.get("first_day", ""):
        click.echo(f"counted since {found['counted_since']}; what was before is not known")


def _who(found: dict[str, Any]) -> None:
    if not found["items"]:
        click.echo("nobody, as far as it was counted")
        return
    rows = [
        (
            _name(each["subject"], "subject"),
            each["subject_class"],
            _name(each["agent"], "agent"),
            _name(each["network"], "network"),
            each["pulls"],
            each["pushes"],
            when(each["first_at"]),
            when(each["last_at"]),
        )
        for each in found["items"]
    ]
    show_table(("WHO", "CLASS", "AGENT", "FROM", "PULLS", "PUSHES", "FIRST", "LAST"), rows)


def _top(found: dict[str, Any]) -> None:
    if not found["items"]:
        click.echo("nothing in your sight was pulled in 30 days")
        return
    rows = [
        (
            f"{each['repository']}:{each['tag']}" if each["tag"] else each["repository"],
            each["pulls"],
            each["pulls_all"],
            when(each["last_pulled_at"], "-"),
        )
        for each in found["items"]
    ]
    show_table(("IMAGE", "PULLS 30D", "WITH SCANNERS", "LAST"), rows)


def _idle(api: Api, path: str, days: int, limit: int) -> None:
    found: list[dict[str, Any]] = []
    after = since = None
    while len(found) < limit:
        page = api.client.get("/insights/idle", path=path, days=days, after=after, limit=min(limit - len(found), 500))
        found += page["items"]
        after, since = page["next"], page["counted_since"]
        if after is None:
            break
    if api.as_json:
        click.echo(json.dumps({"items": found, "counted_since": since, "more": after is not None}, indent=2))
        return
    if not found:
        click.echo(f"nothing in your sight was idle for {days} days")
        return
    rows = [
        (
            f"{each['repository']}:{each['tag']}" if each["tag"] else each["repository"],
            when(each["since"]),
            when(each["last_pulled_at"], "-"),
            each["pulls_all"],
        )
        for each in found
    ]
    show_table(("IMAGE", "THERE SINCE", "PULLED LAST", "BY SCANNERS 30D"), rows)
    if after is not None:
        click.echo("there is more: raise --limit")
    click.echo(f"-: not pulled since {since}; what was before is not known" if since else "-: nothing was counted yet")


def _months(api: Api, path: str, months: int) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        page = api.client.get("/insights/showback", path=path, months=months, after=after, limit=100)
        yield from page["items"]
        after = page["next"]
        if after is None:
            return


def _showback(api: Api, path: str, months: int, *, as_csv: bool) -> None:
    found = list(_months(api, path, months))
    if as_csv:
        for line in csv_lines(_MONTH, [{**row, "path": row["path"] or "*"} for row in found]):
            click.echo(line, nl=False)
    elif api.as_json:
        click.echo(json.dumps({"items": found}, indent=2))
    elif not found:
        click.echo("nothing was counted in your sight yet")
    else:
        _table(found)


def _namespace(found: dict[str, Any]) -> None:
    if found["months"]:
        _table(found["months"])
        click.echo()
    _top({"items": found["top"]})


def _table(months: list[dict[str, Any]]) -> None:
    before: dict[str, int] = {}
    rows = []
    for row in months:
        stored = row["stored"]
        known = before.get(row["path"])
        grown = f"{'+' if stored >= known else '-'}{size_text(abs(stored - known))}" if stored and known else ""
        if stored is not None:
            before[row["path"]] = stored
        rows.append(
            (
                row["path"] or "(everything)",
                row["month"],
                size_text(stored) if stored is not None else "-",
                grown,
                size_text(row["sent"]),
                size_text(row["received"]),
                row["pulls"],
                row["pushes"],
            )
        )
    show_table(("NAMESPACE", "MONTH", "STORED", "GROWTH", "SENT", "RECEIVED", "PULLS", "PUSHES"), rows)
