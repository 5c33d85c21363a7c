"""`holdfast admin`: help for whoever holds the machine, without a password."""

import sys

import click

from holdfast.app.config import Loaded
from holdfast.cli.settings_flags import DATABASE_FLAGS, settings_flags

_MASTER_FLAGS = (
    "encryption.key_file",
    "encryption.vault_url",
    "encryption.vault_key",
    "encryption.vault_token_file",
)
_EXAMPLES = """\b
Examples:
  holdfast admin reset admin --data /srv/registry
      user: admin
      password: ...
"""
_ROTATE_EXAMPLES = """\b
Examples:
  holdfast admin rotate-token-key --data /srv/registry
      A new key signs from five minutes on; nobody notices.
\b
  holdfast admin rotate-token-key --at-once --data /srv/registry
      For a key that others have: what it signed is refused from the next request on.
"""


@click.group()
def admin() -> None:
    """Help for the administrator of the machine."""


@admin.command(epilog=_EXAMPLES)
@click.argument("name")
@settings_flags(*DATABASE_FLAGS)
def reset(loaded: Loaded, name: str) -> None:
    """Give the user NAME a new password, print it once, and end the account's keys, tokens and sessions.

    A second factor is taken away.

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
    if done.second_factor:
        click.echo("The second factor was taken away: set up another one in the browser, at /me.", err=True)
    if done.disabled:
        click.echo(
            f"The account is disabled and stays so: `holdfast user enable {name}` by an administrator.", err=True
        )


@admin.command("rotate-token-key", epilog=_ROTATE_EXAMPLES)
@settings_flags(*DATABASE_FLAGS, *_MASTER_FLAGS)
@click.option("--at-once", is_flag=True, help="Believe no other key any more: every client asks for a new token.")
def rotate_token_key(loaded: Loaded, at_once: bool) -> None:
    """Make a new key that signs access tokens, and print its name.

    It is published at /.well-known/jwks.json for five minutes before it signs, and the old one is believed until its
    last token has ended. Servers go on meanwhile, on every node. Log-ins, keys and refresh tokens stay as they are.
    """
    from holdfast.access.errors import MasterKeyAway, WrongMasterKey
    from holdfast.app.admin import rotate_token_key as run
    from holdfast.app.datadir import DataDirectoryError
    from holdfast.db.errors import DatabaseError

    try:
        click.echo(run(loaded.settings, at_once=at_once))
    except (DatabaseError, WrongMasterKey, MasterKeyAway, DataDirectoryError) as error:
        click.echo(f"holdfast: {error}", err=True)
        sys.exit(1)
