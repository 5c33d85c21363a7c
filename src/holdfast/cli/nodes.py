"""`holdfast nodes` and `holdfast read-only`: who is there, and nobody writes."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from holdfast.app.config import Loaded
from holdfast.cli.settings_flags import DATABASE_FLAGS, settings_flags

_NODES = """\b
Examples:
  holdfast nodes --database postgresql://db.example.com/holdfast
  holdfast nodes --data /srv/registry --json
\b
A node that stopped in order leaves the list at once; one that was killed is shown as not alive, for a day.
"""
_READ_ONLY = """\b
Examples:
  holdfast read-only on --reason "moving to another bucket until 18:00"
  holdfast read-only off
  holdfast read-only status
\b
The switch is in the database: it holds for every node, route and job from the moment that `on` returns. Pulls go on.
Clients that push are answered 503 with the reason and come again.
"""


@click.command(epilog=_NODES)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@settings_flags(*DATABASE_FLAGS)
def nodes(loaded: Loaded, as_json: bool) -> None:
    """List the servers and workers of this installation, with their versions."""
    from holdfast.app.nodes import standing

    with _refusals():
        seen = standing(loaded.settings)
    if as_json:
        rows = [{**node._asdict(), "alive": node.alive(seen.now)} for node in seen.nodes]
        click.echo(json.dumps({"nodes": rows, "now": seen.now, "read_only": seen.mode.read_only}))
        return
    if not seen.nodes:
        click.echo("no node was seen within a day")
    else:
        lines: list[tuple[str, ...]] = [("host", "pid", "kind", "version", "schema", "since", "seen")]
        lines += [
            (
                node.host,
                str(node.pid),
                node.kind,
                node.version,
                str(node.schema),
                _moment(node.started),
                "alive" if node.alive(seen.now) else f"not alive, last seen {_moment(node.seen)}",
            )
            for node in seen.nodes
        ]
        _print(lines)
    if seen.mode.read_only:
        click.echo(f"\nread-only since {_moment(seen.mode.since)}, by {seen.mode.actor}: {seen.mode.reason}")


@click.group("read-only", epilog=_READ_ONLY)
def read_only() -> None:
    """Let every node refuse writes for a while, or find out whether it does."""


@read_only.command("on", epilog=_READ_ONLY)
@click.option("--reason", required=True, metavar="TEXT", help="Why: clients that push are shown it.")
@settings_flags(*DATABASE_FLAGS)
def on(loaded: Loaded, reason: str) -> None:
    """Refuse writes on every node from now on.

    Returns when no write that began before is under way any more.
    """
    from holdfast.app.nodes import set_mode

    with _refusals():
        mode = set_mode(loaded.settings, reason)
    click.echo(f"read-only: {mode.reason}\n`holdfast read-only off` ends it")


@read_only.command("off", epilog=_READ_ONLY)
@settings_flags(*DATABASE_FLAGS)
def off(loaded: Loaded) -> None:
    """Take writes again."""
    from holdfast.app.nodes import set_mode

    with _refusals():
        set_mode(loaded.settings, None)
    click.echo("writable")


@read_only.command("status", epilog=_READ_ONLY)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@settings_flags(*DATABASE_FLAGS)
def status(loaded: Loaded, as_json: bool) -> None:
    """Say whether writes are refused, why, by whom and since when."""
    from holdfast.app.nodes import standing

    with _refusals():
        mode = standing(loaded.settings).mode
    if as_json:
        click.echo(json.dumps(mode._asdict()))
    elif mode.read_only:
        click.echo(f"read-only since {_moment(mode.since)}, by {mode.actor}: {mode.reason}")
    else:
        click.echo("writable")


@contextmanager
def _refusals() -> Iterator[None]:
    """Tell what stops a command on one line, with status 1."""
    from holdfast.app.datadir import DataDirectoryError
    from holdfast.db.errors import DatabaseError

    try:
        yield
    except (DatabaseError, DataDirectoryError, ValueError) as error:
        click.echo(f"holdfast: {error}", err=True)
        sys.exit(1)


def _moment(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _print(lines: list[tuple[str, ...]]) -> None:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
