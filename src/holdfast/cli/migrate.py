"""`holdfast migrate`: the schema of the database, changed by command."""

import sys
from collections.abc import Callable
from typing import TypeVar

import click

from holdfast.app.config import Loaded
from holdfast.cli.settings_flags import settings_flags

T = TypeVar("T")

_EXAMPLES = """\b
Examples:
  holdfast migrate status                  where the schema stands, and what is pending
  holdfast migrate up                      before the first node of a new version starts
  holdfast migrate up --contract           when `holdfast nodes` shows no older version any more
  holdfast migrate check && ...            for scripts: may this program serve from this database?
"""


@click.group(epilog=_EXAMPLES)
def migrate() -> None:
    """Bring the schema of the database to this program's version.

    On PostgreSQL only this changes a schema that is there. An embedded database (SQLite) is copied and migrated by
    `holdfast serve` itself. Steps that only add may run beside nodes of the version before; steps that take away
    need --contract, and are refused while such a node is alive.
    """


@migrate.command(epilog=_EXAMPLES)
@settings_flags("data", "database.url")
@click.option("--contract", is_flag=True, help="Also take away what only older versions used.")
def up(loaded: Loaded, contract: bool) -> None:
    """Apply what is pending; two at once do it once, and one that is killed is repeated harmlessly."""
    from holdfast.app.migration import up as run

    applied = _or_end(lambda: run(loaded.settings, contract=contract))
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")


@migrate.command(epilog=_EXAMPLES)
@settings_flags("data", "database.url")
def status(loaded: Loaded) -> None:
    """Say where the schema stands and what is pending."""
    from holdfast.app.migration import describe, standing

    found = _or_end(lambda: standing(loaded.settings))
    click.echo("\n".join(describe(loaded.settings, found)))


@migrate.command(epilog=_EXAMPLES)
@settings_flags("data", "database.url")
def check(loaded: Loaded) -> None:
    """End with status 0 when this program may serve from the database as it is.

    Status 1: steps are pending that it needs, or it is too old for the database. Status 2: the database does not
    answer, or holds no registry. Pending steps that only take away are no reason to wait.
    """
    from holdfast.app.migration import describe, standing

    found = _or_end(lambda: standing(loaded.settings))
    click.echo("\n".join(describe(loaded.settings, found)))
    sys.exit(1 if found.expanding else 0)


def _or_end(work: Callable[[], T]) -> T:
    from holdfast.db.errors import DatabaseError, TooNew

    try:
        return work()
    except TooNew as error:
        click.echo(f"holdfast: {error}", err=True)
        sys.exit(1)
    except DatabaseError as error:
        click.echo(f"holdfast: {error}", err=True)
        sys.exit(2)
