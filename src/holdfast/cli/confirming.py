"""Before something is destroyed: what will go is said, and somebody says yes."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click


def confirm(going: Iterable[str], question: str, *, yes: bool) -> None:
    """Show the lines of `going` on standard error and ask, unless `yes`. Where nobody can answer: a usage error."""
    for line in going:
        click.echo(line, err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here: look at it with --dry-run, then say --yes")
    click.confirm(question, abort=True, err=True)


def counted(count: int, one: str, many: str = "") -> str:
    """`1 tag`, `2 tags`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def label_changes(given: Iterable[str], without: Iterable[str] = ()) -> dict[str, str | None]:
    """Labels as the API takes them: of `NAME=VALUE`, and names that lose theirs. Raises `click.UsageError`."""
    changes: dict[str, str | None] = dict.fromkeys(without)
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"{text!r} is no label: write NAME=VALUE")
        changes[name] = value
    return changes


def description_of(text: str | None, file: str | None) -> str | None:
    """A description given as text, or in a file ('-': standard input); None: none was given."""
    if text is not None and file is not None:
        raise click.UsageError("give the description as text or in a file, not both")
    if file is None:
        return text
    return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
