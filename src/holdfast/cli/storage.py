"""`holdfast storage`: where the bytes are, on the registry that one is logged in to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from holdfast.cli.output import Api, client_verb, plain, show_table, when
from holdfast.cli.progress import follow
from holdfast.cli.quotas import counted
from holdfast.cli.sizes import size_text

_STORAGE = """\b
Examples:
  holdfast storage                  everything, for operators
  holdfast storage team             a namespace, and its repositories
  holdfast storage team --by-size   the largest first
  holdfast storage team --largest   its largest layers
  holdfast storage --days           day by day
  holdfast storage --count          count again first, then show
  holdfast storage --damage         what is damaged
"""
_MOST = 50


@click.command(epilog=_STORAGE)
@click.argument("path", required=False)
@click.option("--count", is_flag=True, help="Count again what every path uses, and wait for it. Needs operate.")
@click.option("--by-size", is_flag=True, help="The largest repositories first, not by name.")
@click.option("--largest", is_flag=True, help="List the largest contents: layers, as a rule.")
@click.option("--days", is_flag=True, help="List what was there on each of the last 30 days.")
@click.option("--damage", is_flag=True, help="List what is stored and not what it should be. Needs operate.")
@click.option("--limit", type=click.IntRange(1), default=_MOST, show_default=True, help="The most lines shown.")
@client_verb
def storage(
    api: Api, *, path: str | None, count: bool, damage: bool, by_size: bool, largest: bool, days: bool, limit: int
) -> None:
    """Show where the bytes are: of everything (needs operate), or of PATH, a namespace or repository.

    Live is what tags reach; history what no tag reaches any more and can still be undone; pending what waits to be
    deleted. A path is counted as if nobody else existed. The figures of paths are counted every few minutes.
    """
    if damage + largest + days > 1:
        raise click.UsageError("ask for one of --damage, --largest and --days")
    if damage:
        _damage(api, limit)
        return
    if count:
        follow(api, api.client.post("/storage/count", {}), "counting")
    if largest:
        _largest(api, path or "", limit)
        return
    if days:
        _days(api, path or "")
        return
    if path is None:
        found = api.client.get("/storage")
        if not by_size:
            api.show(found, _whole)
            return
        rows = _repositories(api, "", limit, by_size=True)
        api.show({**found, "largest_repositories": rows}, lambda _: _table(rows))
        return
    found = api.client.get("/storage/path", path=path)
    rows = _repositories(api, path, limit, by_size=by_size)
    if api.as_json:
        click.echo(json.dumps({**found, "repositories": rows}, indent=2))
        return
    _part(found)
    if rows and [row["path"] for row in rows] != [path]:
        click.echo()
        _table(rows)


def _damage(api: Api, limit: int) -> None:
    found: list[dict[str, Any]] = []
    for each in api.client.pages("/damage"):
        found.append(each)
        if len(found) == limit:
            break
    api.show_list(
        found,
        ("DIGEST", "SIZE", "IN"),
        lambda each: (each["digest"], size_text(each["size"]), each["repositories"]),
        "nothing that is stored is known to be damaged",
    )


def _largest(api: Api, path: str, limit: int) -> None:
    api.show_list(
        api.client.get("/storage/largest", path=path)["items"][:limit],
        ("DIGEST", "SIZE", "IN"),
        lambda each: (
            each["digest"],
            size_text(each["size"]),
            (each["repository"] or "no repository any more")
            + (f" and {each['repositories'] - 1} more" if each["repositories"] > 1 else ""),
        ),
        "nothing was counted here yet",
    )


def _days(api: Api, path: str) -> None:
    api.show_list(
        api.client.get("/storage/days", path=path)["items"],
        ("DAY", "LIVE", "HISTORY", "PENDING"),
        lambda each: (each["day"], *(size_text(each[name]) for name in ("live", "history", "pending"))),
        "nothing was counted here yet",
    )


def _repositories(api: Api, path: str, limit: int, *, by_size: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for each in api.client.pages("/storage/repositories", path=path, order="size" if by_size else "name"):
        found.append(each)
        if len(found) == limit:
            break
    return found


def _sum(rows: Sequence[tuple[str, int]], total: tuple[str, int]) -> None:
    """Figures and their sum, in bytes and as people read them."""
    width = max(len(name) for name, _ in (*rows, total)) + 2
    digits = max(len(f"{value:,}") for _, value in (*rows, total))
    for name, value in rows:
        click.echo(f"  {name:<{width}}{value:>{digits},}   {size_text(value)}")
    click.echo(f"= {total[0]:<{width}}{total[1]:>{digits},}   {size_text(total[1])}")


def _whole(found: dict[str, Any]) -> None:
    rows = [(name, found[name]) for name in ("live", "history", "pending", "uploads", "unaccounted")]
    _sum(rows, ("physical", found["physical"]["total"]))
    physical = found["physical"]
    click.echo(f"in the blob store {size_text(physical['objects'])}, in the database {size_text(physical['inline'])}")
    _as_of(found["as_of"])
    scrub = found["scrub"]
    if not scrub["round"]:
        click.echo("scrub: no round has begun")
    elif scrub["ended_at"]:
        click.echo(f"scrub: round {scrub['round']} ended {when(scrub['ended_at'])}, {scrub['damaged']} damaged")
    else:
        share = scrub["done"] * 100 // scrub["total"] if scrub["total"] else 0
        click.echo(
            f"scrub: round {scrub['round']}, {share} % since {when(scrub['began_at'])}, {scrub['damaged']} damaged"
        )


def _part(found: dict[str, Any]) -> None:
    figure = found["figure"]
    if figure is None:
        click.echo("nothing was counted here yet")
    else:
        if figure["shared"]:
            _sum([("logical", figure["logical"]), ("- shared", -figure["shared"])], ("live", figure["live"]))
            click.echo()
        _sum([(name, figure[name]) for name in ("live", "history", "pending")], ("total", figure["total"]))
        if figure["exclusive"] is not None:
            click.echo(f"frees {size_text(figure['exclusive'])} if deleted")
        if figure["share"] is not None:
            click.echo(f"a fair part of what lies there: {size_text(figure['share'])}")
    _as_of(found["as_of"])
    used = found["used"]
    if used is not None:
        click.echo(f"quotas count {counted(used)} now: `holdfast quota show {plain(found['path'])}`")


def _table(rows: list[dict[str, Any]]) -> None:
    operator = any(row["exclusive"] is not None for row in rows)
    columns = ["REPOSITORY", "LIVE", "HISTORY", "PENDING", "TOTAL", "30 DAYS"]
    if operator:
        columns.append("FREES IF DELETED")
    cells = [
        (
            row["path"],
            *(size_text(row[name]) for name in ("live", "history", "pending", "total")),
            _grown(row["growth"]),
        )
        + ((size_text(row["exclusive"] or 0),) if operator else ())
        for row in rows
    ]
    show_table(columns, cells)


def _grown(growth: int | None) -> str:
    if growth is None:
        return ""
    return ("+" if growth > 0 else "-" if growth < 0 else "") + size_text(abs(growth))


def _as_of(moment: str | None) -> None:
    click.echo(f"paths as of {when(moment)}" if moment else "paths were not counted yet: `holdfast storage --count`")
