"""`holdfast quota`: how much paths may use, on the registry that one is logged in to."""

from __future__ import annotations

from typing import Any

import click

from holdfast.cli.output import Api, client_verb, plain, show_table
from holdfast.cli.sizes import parse_size, size_text

_QUOTA = """\b
Examples:
  holdfast quota set team --bytes 10GiB --repositories 50 --tags 1000
  holdfast quota show team/app
  holdfast quota list
"""
_SET = """\b
Examples:
  holdfast quota set team --bytes 10GiB
  holdfast quota set team --repositories 50 --tags 1000 --warn 90
  holdfast quota set "" --bytes 2TiB
"""
_SHOW = """\b
Examples:
  holdfast quota show team
  holdfast quota show team/app --json
"""
_UNSET = """\b
Examples:
  holdfast quota unset team
  holdfast quota unset team --tags --repositories
"""
_LIST = """\b
Examples:
  holdfast quota list
"""


def _size(_ctx: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    """The number of bytes that was written. Raises `click.BadParameter`."""
    try:
        return parse_size(value) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def counted(used: dict[str, Any]) -> str:
    """What is used, as a sentence goes on."""
    repositories = "repository" if used["repositories"] == 1 else "repositories"
    tags = "tag" if used["tags"] == 1 else "tags"
    return f"{size_text(used['bytes'])}, {used['repositories']} {repositories}, {used['tags']} {tags}"


@click.group(epilog=_QUOTA)
def quota() -> None:
    """See and set how much may lie at and below a path. Every quota on the way down counts."""


@quota.command("set", epilog=_SET)
@click.argument("path")
@click.option(
    "--bytes", "size", callback=_size, metavar="SIZE", help="Bytes, each content once for each repository: 10GiB."
)
@click.option("--repositories", type=click.IntRange(0), help="Repositories.")
@click.option("--tags", type=click.IntRange(0), help="Tags.")
@click.option("--warn", type=click.IntRange(1, 100), help="The percentage from which on it is told; 80 without it.")
@client_verb
def set_(
    api: Api, path: str, *, size: int | None, repositories: int | None, tags: int | None, warn: int | None
) -> None:
    """Let PATH ("": everything) and all below it use so much at most; what is not given stays as it is.

    Needs operate: whoever could raise his own quota would have none. It holds for the next push.
    """
    given = {"bytes": size, "repositories": repositories, "tags": tags, "warn": warn}
    values = {name: value for name, value in given.items() if value is not None}
    if not values:
        raise click.UsageError("give at least one of --bytes, --repositories, --tags, --warn")
    api.show(api.client.put("/quotas", {"path": path, **values}), _show)


@quota.command(epilog=_SHOW)
@click.argument("path", default="")
@client_verb
def show(api: Api, path: str) -> None:
    """Show what is used at PATH (without it: by everything), and every quota that holds there."""
    api.show(api.client.get("/quotas", path=path), _show)


@quota.command(epilog=_UNSET)
@click.argument("path")
@click.option("--bytes", "size", is_flag=True, help="Only the quota of bytes.")
@click.option("--repositories", is_flag=True, help="Only the quota of repositories.")
@click.option("--tags", is_flag=True, help="Only the quota of tags.")
@client_verb
def unset(api: Api, path: str, *, size: bool, repositories: bool, tags: bool) -> None:
    """Remove the quotas of PATH; those of the paths above it stay. Needs operate."""
    given = {"bytes": size, "repositories": repositories, "tags": tags}
    only = [name for name, chosen in given.items() if chosen]
    api.show(api.client.delete("/quotas", path=path, quota=only or None), _show)


@quota.command("list", epilog=_LIST)
@client_verb
def list_(api: Api) -> None:
    """List the paths that have quotas of their own, as far as you may know what they use."""
    found = [
        {"path": each["path"], **limit}
        for each in api.client.pages("/quotas/paths")
        for limit in each["limits"]
        if limit["path"] == each["path"]
    ]
    api.show_list(found, _COLUMNS, _row, "no path in your sight has a quota of its own")


_COLUMNS = ("PATH", "QUOTA", "USED", "LIMIT", "FULL", "")


def _row(limit: dict[str, Any]) -> tuple[str, ...]:
    used, most = limit["used"], limit["limit"]
    write = size_text if limit["quota"] == "bytes" else str
    full = "" if used is None or not most else f"{used * 100 // most} %"
    state = "" if not limit["nearly"] else ("used up" if used >= most else "nearly used up")
    return (
        limit["path"] or "(everything)",
        limit["quota"],
        "not yours to know" if used is None else write(used),
        write(most),
        full,
        state,
    )


def _show(found: dict[str, Any]) -> None:
    where = plain(found["path"]) or "everything"
    used = found["used"]
    if used is not None:
        click.echo(f"{where} uses {counted(used)}")
    if found["limits"]:
        show_table(_COLUMNS, [_row(each) for each in found["limits"]])
    else:
        click.echo(f"no quota holds for {where}")
