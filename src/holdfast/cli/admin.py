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
    """Give the user NAME a new password, print it once, and end the account's keys, tokens and sessions.

    Works on the database itself, whether servers run or not; whoever can write there may do it. Rights stay as they
    are, and an account that is disabled stays so.
    """
    from holdfast.app.admin import reset as run
    from holdfast.db.errors import DatabaseError

    try:
        done = run(loaded.settings, name)
    except LookupError:
        click.echo(f"holdfast: there is no user {name[:128]!r} in this registry", err=True)
        sys.exit(1)
    except (DatabaseError, ValueError) as error:
        click.echo(f"holdfast: {error}", err=True)
        sys.exit(1)
    click.echo(f"user: {name}\npassword: {done.password}")
    click.echo(f"ended: {done.keys} keys, {done.tokens} tokens, {done.sessions} sessions", err=True)
    if done.disabled:
        click.echo(
            f"The account is disabled and stays so: `holdfast user enable {name}` by an administrator.", err=True
        )
