"""`holdfast admin`: help for whoever holds the machine, without a password."""

import sys
from pathlib import Path

import click

from holdfast.app.config import Loaded
from holdfast.cli.settings_flags import settings_flags

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
@settings_flags("data")
def reset(loaded: Loaded, name: str) -> None:
    """Give the account NAME a new password, print it once, and end what its old one opened.

    Works on the data directory itself, whether the server runs or not; whoever can write there may do it.
    """
    from holdfast.app.admin import reset as run
    from holdfast.app.datadir import DataDirectory

    settings = loaded.settings
    # Looked at first: a database that this would make, alone and without its master key, could never be served.
    if not Path(DataDirectory(settings.data).database).exists():
        click.echo(f"holdfast: there is no registry in {settings.data}: name its directory with --data", err=True)
        sys.exit(1)
    try:
        password = run(settings, name)
    except LookupError:
        click.echo(f"holdfast: there is no account {name[:128]!r} in {settings.data}", err=True)
        sys.exit(1)
    click.echo(f"user: {name}\npassword: {password}")
