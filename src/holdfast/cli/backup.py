"""`holdfast backup` and `holdfast restore`: a copy of a running installation, and an installation out of a copy."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.app.config import Loaded
from holdfast.cli.settings_flags import DATABASE_FLAGS, settings_flags
from holdfast.cli.sizes import size_text
from holdfast.cli.stages import show_stages

if TYPE_CHECKING:
    from holdfast.app.backing_up import BackedUp
    from holdfast.app.backups import Snapshot
    from holdfast.app.restoring import Restored

_FLAGS = (
    *DATABASE_FLAGS,
    "storage.url",
    "encryption.key_file",
    "encryption.content",
    "encryption.vault_url",
    "encryption.vault_key",
    "encryption.vault_token_file",
)
_SHOWN = 50
_BACKUP = """\b
Examples:
  holdfast backup /srv/backup --data /srv/registry
      While the registry serves. Again tomorrow, into the same directory: only what is new is copied.
\b
  holdfast backup /srv/backup --data /srv/registry --keep 14
      And remove all but the newest 14.
\b
  holdfast backup /srv/backup --list
      What is there.
\b
Ends with status 0 when everything is in it and was read back, 1 when something was damaged already, 2 when no backup
was made.
"""
_RESTORE = """\b
Examples:
  install -D -m 600 holdfast.key /srv/registry/master.key
  holdfast restore /srv/backup --data /srv/registry
      The newest backup, into an empty directory.
\b
  holdfast restore /srv/backup --at 20270131T020000Z --data /srv/registry --over
      An older one, in place of what is there; its database is kept beside.
\b
  holdfast restore /srv/backup --database postgresql://db/holdfast --storage s3://bucket/prefix \\
      --encryption-key-file holdfast.key
"""


@click.command(epilog=_BACKUP)
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@settings_flags(*_FLAGS)
@click.option("--keep", type=click.IntRange(1), metavar="N", help="Remove all but the newest N backups afterwards.")
@click.option("--again", is_flag=True, help="Read back every object, also those that earlier backups brought.")
@click.option("--list", "listing", is_flag=True, help="Only show what is in DIRECTORY.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def backup(loaded: Loaded, directory: Path, *, keep: int | None, again: bool, listing: bool, as_json: bool) -> None:
    """Copy the installation to DIRECTORY while it serves: database and objects, of one moment, read back.

    The master key is not copied: keep it apart, for who has both has everything.
    """
    from holdfast.app.backing_up import back_up
    from holdfast.app.backups import BackupDirectory, BackupError

    stages = show_stages("backup")
    try:
        if listing:
            _list(BackupDirectory(directory).snapshots(), as_json)
            return
        done = back_up(loaded.settings, directory, stages.show, keep=keep, again=again)
    except BackupError as error:
        stages.close()
        _refuse("no backup was made", error, as_json)
    stages.close()
    _tell_backup(done, as_json)
    sys.exit(1 if done.carried.damaged else 0)


@click.command(epilog=_RESTORE)
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@settings_flags(*_FLAGS)
@click.option("--at", "name", metavar="NAME", help="Which backup (`holdfast backup DIRECTORY --list`); the newest.")
@click.option("--over", is_flag=True, help="Replace the registry that is there; its database is kept beside.")
@click.option(
    "--compare",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="A later holdfast.db of the installation: tells which credentials changed since the backup.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def restore(
    loaded: Loaded, directory: Path, *, name: str | None, over: bool, compare: Path | None, as_json: bool
) -> None:
    """Put an installation back from the backups in DIRECTORY. No server may run on it.

    Every session and token ends; passwords, keys and grants are as they were. The master key must be there:
    DATA/master.key or --encryption-key-file.
    """
    from holdfast.app.backups import BackupError
    from holdfast.app.restoring import restore as put_back

    stages = show_stages("restore")
    try:
        done = put_back(loaded.settings, directory, stages.show, name=name, over=over, compare=compare)
    except BackupError as error:
        stages.close()
        _refuse("not restored", error, as_json)
    stages.close()
    _tell_restore(done, as_json)
    sys.exit(1 if done.carried.damaged else 0)


def _refuse(what: str, error: Exception, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"error": str(error)}, indent=2))
    click.echo(f"holdfast: {what}: {error}", err=True)
    sys.exit(2)


def _list(found: list[Snapshot], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"backups": [_facts(each) for each in found]}, indent=2))
        return
    for each in found:
        damaged = f", {len(each.damaged)} damaged" if each.damaged else ""
        click.echo(
            f"{each.name}  {each.repositories:,} repositories, {each.tags:,} tags, {each.objects:,} objects "
            f"({size_text(each.bytes)}){damaged}"
        )
    if not found:
        click.echo("there is no backup here yet")


def _facts(snapshot: Snapshot) -> dict[str, Any]:
    return {**snapshot._asdict(), "made_at": _when(snapshot.made_at), "damaged": list(snapshot.damaged)}


def _when(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _tell_backup(done: BackedUp, as_json: bool) -> None:
    snapshot, carried = done.snapshot, done.carried
    if as_json:
        facts = {"backup": _facts(snapshot), "copied": carried.objects, "copied_bytes": carried.bytes}
        click.echo(json.dumps({**facts, "removed": done.removed, "forgotten": done.forgotten}, indent=2))
        return
    click.echo(
        f"backup {snapshot.name}: {snapshot.repositories:,} repositories, {snapshot.tags:,} tags, {snapshot.objects:,} "
        f"objects ({size_text(snapshot.bytes)}); {carried.objects:,} copied ({size_text(carried.bytes)}) and read back"
    )
    _tell_damage(carried.damaged)
    for name in done.removed:
        click.echo(f"removed backup {name}")
    if done.forgotten:
        click.echo(f"removed {done.forgotten:,} objects that no backup here names any more")
    click.echo("the master key is not in it: without the key nobody can use the backup, so keep a copy of it elsewhere")


def _tell_damage(damaged: list[str]) -> None:
    for digest in damaged[:_SHOWN]:
        click.echo(f"DAMAGED  {digest}: missing, or does not hash; push it again")
    if len(damaged) > _SHOWN:
        click.echo(f"... and {len(damaged) - _SHOWN} more")


def _tell_restore(done: Restored, as_json: bool) -> None:
    if as_json:
        changes = [{**each._asdict(), "at": _when(each.at)} for each in done.changes or ()]
        facts = {
            "backup": _facts(done.snapshot),
            "copied": done.carried.objects,
            "damaged": done.carried.damaged,
            "passwords": done.live.passwords,
            "keys": done.live.keys,
            "changes": changes if done.changes is not None else None,
            "unknown_objects": done.strangers,
            "replaced": str(done.replaced) if done.replaced is not None else None,
        }
        click.echo(json.dumps(facts, indent=2))
        return
    named = done.snapshot
    click.echo(
        f"restored {named.name}, as of {_when(named.made_at)}: {named.repositories:,} repositories, "
        f"{named.tags:,} tags, {named.objects:,} objects ({done.carried.objects:,} copied)"
    )
    _tell_damage(done.carried.damaged)
    if done.replaced is not None:
        click.echo(f"the database that was there is {done.replaced}")
    click.echo("every session and token has ended: people sign in again, clients log in again with what they have")
    _tell_changes(done)
    if done.strangers:
        click.echo(
            f"the store holds {done.strangers:,} objects that this backup does not know, most likely pushed since. "
            "Nothing is deleted before you say `holdfast verify --adopt`"
        )


def _tell_changes(done: Restored) -> None:
    if done.changes is None:
        click.echo(
            f"{done.live.passwords:,} passwords and {done.live.keys:,} keys are as they were then: what was revoked or "
            "changed since is good again. No later database was there to tell which: look at the audit archive"
        )
        return
    if not done.changes:
        click.echo("no credential and no right changed since")
        return
    click.echo(f"{len(done.changes):,} changes of credentials and rights since then are undone; make them again:")
    for each in done.changes[:_SHOWN]:
        facts = ", ".join(f"{name} {value}" for name, value in sorted(each.what.items()))
        click.echo(f"  {_when(each.at)}  {each.kind}  by {each.actor}: {facts}"[:400])
    if len(done.changes) > _SHOWN:
        click.echo(f"  ... and {len(done.changes) - _SHOWN} more: --json shows all")
