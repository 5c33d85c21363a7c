"""What the client verbs print: tables for people, JSON for machines, and what went wrong.

Exit statuses of every client verb: 0 done; 1 the registry refused, and says why; 2 the words given make no sense;
3 nobody answered, or nobody is logged in.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec

import click

from holdfast.cli.client import Client, Problem, Unreachable
from holdfast.cli.contexts import ContextError

P = ParamSpec("P")
REFUSED = 1
NO_ANSWER = 3
_HINTS = {
    "unauthenticated": "log in again: holdfast login URL -u NAME --password-stdin",
    "insufficient-scope": "log in again: holdfast login URL -u NAME --password-stdin",
    "changed": "look at it again, then repeat the change",
    "stale": "repeat the command",
}


class Api:
    """What a client verb works with: the registry, and how to show what it answers."""

    def __init__(self, client: Client, *, as_json: bool) -> None:
        self.client = client
        self.as_json = as_json

    def show(self, value: Any, human: Callable[[Any], object] | str | None = None) -> None:
        """Show one thing: all of it as JSON; else as `human` prints it, or the sentence that it is, or as facts."""
        if self.as_json:
            click.echo(json.dumps(value, indent=2))
        elif isinstance(human, str):
            click.echo(human)
        elif human is not None:
            human(value)
        else:
            show_facts(value)

    def show_list(
        self, items: Iterable[Any], columns: Sequence[str], row: Callable[[Any], Sequence[object]], empty: str
    ) -> None:
        """Show a list: `{"items": [...]}` as JSON; else a table with `columns`, or the sentence `empty`."""
        found = list(items)
        if self.as_json:
            click.echo(json.dumps({"items": found}, indent=2))
        elif found:
            show_table(columns, [row(item) for item in found])
        else:
            click.echo(empty)


def client_verb(function: Callable[Concatenate[Api, P], None]) -> Callable[P, None]:
    """A verb that talks to a registry: gets an `Api` first, takes --json and --context, and ends as said above.

    Stands right above the function, below `@click.command` and its options.
    """

    @click.option("--json", "as_json", is_flag=True, help="JSON, as the API answers.")
    @click.option("--context", "context", metavar="NAME", help="The registry and user of this name.")
    @functools.wraps(function)
    def verb(*args: P.args, **kwargs: P.kwargs) -> None:
        as_json = bool(kwargs.pop("as_json"))
        context: Any = kwargs.pop("context")
        with refusals(as_json=as_json):
            function(Api(Client.from_context(context), as_json=as_json), *args, **kwargs)

    return verb


class refusals:  # noqa: N801 - a context manager
    """Tells what stops a verb on standard error, with the exit status that it has. `as_json`: as the API said it."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Problem) and self._as_json:
            click.echo(json.dumps(error.body), err=True)
            sys.exit(REFUSED)
        if isinstance(error, Problem):
            click.echo(f"holdfast: {plain(error.detail)}", err=True)
            for field in error.body.get("fields", []):
                if len(error.body["fields"]) > 1:
                    click.echo(f"  {plain(field.get('field', ''))}: {plain(field.get('reason', ''))}", err=True)
            if error.kind in _HINTS:
                click.echo(f"  {_HINTS[error.kind]}", err=True)
            if error.status >= 500 and error.body.get("request_id"):
                click.echo(f"  request id: {plain(error.body['request_id'])}", err=True)
            sys.exit(REFUSED)
        if isinstance(error, Unreachable | ContextError):
            click.echo(f"holdfast: {plain(error)}", err=True)
            sys.exit(NO_ANSWER)


def plain(value: object) -> str:
    """A value as one line of text that cannot steer a terminal."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(
            f"{plain(name)}={plain(inner)}" for name, inner in value.items() if inner not in (None, [], {})
        )
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in str(value))


def when(moment: str | None, never: str = "") -> str:
    """A time of the API to the second, as people read it; `never` for null."""
    return f"{moment[:10]} {moment[11:19]} UTC" if moment else never


def show_facts(value: Mapping[str, Any]) -> None:
    """One thing as lines of name and value; what is empty is left out."""
    facts: list[tuple[str, str]] = []
    for name, inner in value.items():
        if inner in (None, [], {}, ""):
            continue
        several = inner if isinstance(inner, list) and any(isinstance(each, Mapping) for each in inner) else [inner]
        facts += [(name.replace("_", " ") if first == 0 else "", plain(each)) for first, each in enumerate(several)]
    width = max((len(name) for name, _ in facts), default=0)
    for name, text in facts:
        click.echo(f"{name:<{width}}  {text}".rstrip())


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table that fits a terminal; aligned text, uncut, where it goes elsewhere."""
    cells = [[plain(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        widths = [max(len(row[place]) for row in (columns, *cells)) for place in range(len(columns))]
        for row in (columns, *cells):
            click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    Console().print(table)
