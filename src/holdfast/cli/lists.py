"""`holdfast list`: lists of the registry that one is logged in to, as files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from holdfast.cli.filters import FILTER, filters_of
from holdfast.cli.images import image_name
from holdfast.cli.output import REFUSED, Api, client_verb, plain
from holdfast.cli.progress import follow

_LIST = """\b
Examples:
  holdfast list export tags shop/web > tags.csv
  holdfast list export repositories shop --output repositories.csv
"""
_EXPORT = """\b
Examples:
  holdfast list export tags shop/web --filter glob=v1.* --filter never_pulled > old.csv
  holdfast list export repositories --filter idle_since=90d --sort=-size
  holdfast list export storage --output storage.csv
  holdfast list export users --filter contains=dora
  holdfast list export history shop --filter below --filter action=deleted
"""
_SECONDS = 60.0


@click.group("list", epilog=_LIST)
def lists() -> None:
    """Get lists as files, for spreadsheets."""


@lists.command("export", epilog=_EXPORT)
@click.argument("which", metavar="WHICH", type=click.Choice(["tags", "repositories", "storage", "users", "history"]))
@click.argument("path", default="")
@click.option("--filter", "filters", multiple=True, metavar="NAME[=VALUE]", help=FILTER)
@click.option("--sort", metavar="COLUMN", help="As the pages sort it; -COLUMN: the largest or newest first.")
@click.option("-o", "--output", metavar="FILE", help="Write there instead of standard output.")
@client_verb
def export(api: Api, which: str, path: str, *, filters: tuple[str, ...], sort: str | None, output: str | None) -> None:
    """Write a list as comma-separated values: WHICH at PATH.

    A job reads it with your rights: at most 100,000 rows or 16 MiB. With --json what the API says of the file is shown.
    """
    given: dict[str, Any] = {"list": which, "path": image_name(api.client, path)}
    if found := filters_of(filters):
        given |= found if which == "users" else {which: found}
    begun = api.client.post("/exports", given | ({"sort": sort} if sort is not None else {}))
    follow(api, api.client.get(f"/jobs/{begun['job']}"), f"export {which}")
    found = api.client.get(f"/exports/{begun['id']}")
    if found["refused"]:
        click.echo(f"holdfast: {plain(found['refused'])}", err=True)
        sys.exit(REFUSED)
    if not found["whole"]:
        click.echo(f"holdfast: the list is longer: these are its first {found['rows']:,} rows", err=True)
    if api.as_json and output is None:
        api.show(found)
        return
    lines = api.client.lines(f"/exports/{begun['id']}/file", headers={}, seconds=_SECONDS)
    text = "".join(f"{line}\n" for line in lines)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error}") from error
    api.show(found, f"wrote {found['rows']:,} rows to {output}")
