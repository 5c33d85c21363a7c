"""`holdfast admin`: help for whoever holds the machine, without a password."""

import sys

import click

from holdfast.app.config import Loaded
from holdfast.cli.settings_flags import DATABASE_FLAGS, settings_flags

_EXAMPLES = """\b
Examples:
  holdfast admin reset admin --data /srv/registry
      user: admin
      password: ...
"""


@click.group()
def admin() -> None:
    """Help for the administrator of the machine."""


@admin.command(epilog=_EXAMPLES)
@click.argument("name")
@settings_flags(*DATABASE_FLAGS)
def reset(loaded: Loaded, name: str) -> None:
    """Give the account NAME a new password, print it once, and end what its old one opened.

    Works on the database itself, whether servers run or not; whoever can write there may do it.
    """
    from holdfast.app.admin import reset as run
    from holdfast.db.errors import DatabaseError

    try:
        password = run(loaded.settings, name)
    except LookupError:
        click.echo(f"holdfast: there is no account {name[:128]!r} in this registry", err=True)
        sys.exit(1)
    except DatabaseError as error:
        click.echo(f"holdfast: {error}", err=True)
        sys.exit(1)
    click.echo(f"user: {name}\npassword: {password}")
