"""`holdfast rotate-keys`: new wrappings for every key, while the registry serves."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from holdfast.app.config import Loaded
from holdfast.cli.settings_flags import DATABASE_FLAGS, settings_flags

if TYPE_CHECKING:
    from holdfast.app.rotating import KeysInUse
    from holdfast.jobs.model import Job

_MASTER_FLAGS = (
    "encryption.key_file",
    "encryption.vault_url",
    "encryption.vault_key",
    "encryption.vault_token_file",
    "jobs.lease",
)
_EXAMPLES = """\b
Examples:
  holdfast rotate-keys --data /srv/registry
      A new content key, and everything wrapped by the current master key.
\b
  holdfast rotate-keys --database postgresql://db/holdfast --encryption-key-file holdfast.key
      After a new first line was put into the key file on every node.
\b
  holdfast rotate-keys --status --data /srv/registry
      Which key encrypts how much.
\b
The registry serves meanwhile. Content is not written anew, only its keys are: seconds for 100,000 blobs.
"""


@click.command("rotate-keys", epilog=_EXAMPLES)
@settings_flags(*DATABASE_FLAGS, *_MASTER_FLAGS)
@click.option("--status", is_flag=True, help="Only show which content key encrypts how much.")
@click.option("--no-wait", is_flag=True, help="Ask for it, and leave it to the workers.")
def rotate_keys(loaded: Loaded, status: bool, no_wait: bool) -> None:
    """Make a new content key and wrap every key anew, by the current master key.

    It is a job: `holdfast jobs list` shows it too, and it goes on elsewhere when this is stopped. When it is done,
    older lines of the key file are needed no more.
    """
    from holdfast.access.errors import MasterKeyAway, WrongMasterKey
    from holdfast.app.datadir import DataDirectoryError
    from holdfast.app.rotating import in_use, rotate
    from holdfast.db.errors import DatabaseError

    try:
        if status:
            _show(in_use(loaded.settings))
            return
        job = rotate(loaded.settings, None if no_wait else _Line().tell)
    except (DatabaseError, WrongMasterKey, MasterKeyAway, DataDirectoryError) as error:
        click.echo(f"holdfast: {error}", err=True)
        sys.exit(1)
    _conclude(job, no_wait)


def _conclude(job: Job, no_wait: bool) -> None:
    state = job.state.name.lower()
    if no_wait:
        click.echo(f"job {job.id} will rotate the keys: `holdfast jobs show {job.id}` says how far it is")
    elif state == "done":
        click.echo(
            "the keys are rotated: every key is wrapped by the current master key, content by a new content key.\n"
            "Keep a copy of the key file with your backups, and older ones as long as you keep older backups."
        )
    else:
        click.echo(f"holdfast: job {job.id} is {state}: {job.error or 'no reason given'}", err=True)
        sys.exit(1)


def _show(found: KeysInUse) -> None:
    click.echo("content key  made                  encrypts")
    for key in found.keys:
        made = (
            "unknown" if key.made_at is None else f"{datetime.fromtimestamp(key.made_at / 1e6, UTC):%Y-%m-%d %H:%M} UTC"
        )
        click.echo(f"{key.generation:>11}  {made:<20}  {key.used:,}")
    if found.clear:
        click.echo(f"in clear: {found.clear:,}")


class _Line:
    """Says how far the job is, whenever that has changed."""

    def __init__(self) -> None:
        self._said = ""

    def tell(self, job: Job) -> None:
        """Say it, on standard error."""
        done = f", {job.progress.done:,} of {job.progress.total:,}" if job.progress and job.progress.total else ""
        why = f" ({job.error})" if job.error else ""
        said = f"job {job.id} is {job.state.name.lower()}{done}{why}"
        if said != self._said:
            click.echo(said, err=True)
            self._said = said
