"""`holdfast migrate-storage`: another database, another store, or both, while the registry serves."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.app.config import Loaded
from holdfast.cli.settings_flags import settings_flags
from holdfast.cli.sizes import size_text
from holdfast.cli.stages import show_stages

if TYPE_CHECKING:
    from holdfast.app.moving import Outcome, Plan
    from holdfast.registry.moving.model import Damaged

_FLAGS = (
    "data",
    "database.url",
    "database.prepared",
    "storage.url",
    "encryption.key_file",
    "encryption.content",
    "encryption.vault_url",
    "encryption.vault_key",
    "encryption.vault_token_file",
)
_EXAMPLES = """\b
Examples:
  holdfast migrate-storage --data /srv/registry --to-database postgresql://db/holdfast --to-storage s3://bucket/prefix
      From one machine to PostgreSQL and a bucket.
\b
  holdfast migrate-storage --database postgresql://db/holdfast --storage s3://bucket/prefix \\
      --encryption-key-file holdfast.key --to-data /srv/registry
      And back.
\b
  holdfast migrate-storage --data /srv/registry --to-storage s3://bucket/prefix
      Only the objects; the database stays.
\b
The registry serves meanwhile. It takes no writes (503, come again) only during the last pass. Run the same command
again after anything that stopped it. Ends with status 0 when everything was moved, 1 when not.
"""


@click.command("migrate-storage", epilog=_EXAMPLES)
@settings_flags(*_FLAGS)
@click.option("--to-database", metavar="URL", envvar="HOLDFAST_TO_DATABASE", help="The new database, or `none`.")
@click.option("--to-storage", metavar="URL", envvar="HOLDFAST_TO_STORAGE", help="The new bucket, or `none`.")
@click.option("--to-data", metavar="DIR", type=click.Path(path_type=Path), help="Files: what gets no URL goes here.")
@click.option(
    "--to-encryption-key-file",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The master key file of the new house; it must hold the key of the old one.",
)
@click.option("--skip-damaged", is_flag=True, help="Leave damaged objects behind, marked, instead of stopping.")
@click.option("--resume", is_flag=True, help="Go on where a run was stopped; this is so without it too.")
@click.option("--dry-run", is_flag=True, help="Only say what would be moved.")
@click.option("--abort", is_flag=True, help="Give up a move that has not ended: the old house takes writes again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def migrate_storage(
    loaded: Loaded,
    *,
    to_database: str | None,
    to_storage: str | None,
    to_data: Path | None,
    to_encryption_key_file: Path | None,
    skip_damaged: bool,
    resume: bool,
    dry_run: bool,
    abort: bool,
    as_json: bool,
) -> None:
    """Move the installation to another database, another store, or both, without losing a byte.

    The usual flags say where it is, the --to flags where it goes. A part without a --to flag stays where it is, or goes
    to files when --to-data is given. The old house is left as it is, read-only for good.
    """
    from holdfast.app.moving import abort as give_up
    from holdfast.app.moving import look, move
    from holdfast.app.moving_places import Destination
    from holdfast.registry.moving.model import DamageFound, MoveError

    del resume  # what every run does
    to = Destination(to_database, to_storage, to_data, to_encryption_key_file)
    display = show_stages("moving")
    try:
        if dry_run:
            _tell_plan(look(loaded.settings, to), as_json)
        elif abort:
            _tell_abort(*give_up(loaded.settings, to), as_json)
        else:
            outcome = move(loaded.settings, to, display.show, skip_damaged=skip_damaged)
            display.close()
            _tell_outcome(outcome, as_json)
    except MoveError as error:
        display.close()
        damaged = error.damaged if isinstance(error, DamageFound) else []
        _tell_failure(error, damaged, as_json)
        sys.exit(1)


def _tell_plan(plan: Plan, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(plan._asdict(), indent=2))
        return
    click.echo(f"from {plan.old}\nto   {plan.new}\n")
    for name, rows in plan.rows.items():
        if rows:
            click.echo(f"{rows:>12,}  rows of {name}")
    click.echo(f"{plan.objects:>12,}  objects, {size_text(plan.bytes)}")
    click.echo(f"{plan.uploads:>12,}  open uploads, {size_text(plan.upload_bytes)}")


def _tell_abort(was: bool, left: list[str], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"aborted": True, "was_read_only": was, "remove": left}, indent=2))
        return
    click.echo("the old house takes writes again" if was else "the old house takes writes, as before")
    click.echo("to be removed by you: " + " and ".join(left))


def _tell_outcome(outcome: Outcome, as_json: bool) -> None:
    moved = outcome.moved
    if as_json:
        click.echo(json.dumps(_document(outcome), indent=2))
        return
    if moved.finished_before:
        click.echo("everything was moved by an earlier run")
    else:
        click.echo(
            f"moved {sum(moved.tables.values()):,} rows and {moved.objects:,} objects ({size_text(moved.bytes)}) in "
            f"{moved.passes} passes; everything was compared"
        )
        click.echo(f"read-only for {moved.read_only:.1f} s")
    for each in moved.damaged:
        click.echo(f"left behind, damaged: {each.digest}: {each.reason}")
    for note in moved.notes:
        click.echo(f"note: {note}")
    click.echo(f"\n{outcome.old} takes no writes any more. Stop the servers on it, then start:\n")
    for command in outcome.commands:
        click.echo(f"  {command}")


def _document(outcome: Outcome) -> dict[str, Any]:
    """The outcome for programs: field names stay as they are, fields may be added."""
    moved = outcome.moved
    return {
        "moved": True,
        "from": outcome.old,
        "to": outcome.new,
        "tables": moved.tables,
        "objects": moved.objects,
        "bytes": moved.bytes,
        "uploads": moved.uploads,
        "passes": moved.passes,
        "read_only_seconds": round(moved.read_only, 3),
        "damaged": [each._asdict() for each in moved.damaged],
        "notes": moved.notes,
        "finished_before": moved.finished_before,
        "next": outcome.commands,
    }


def _tell_failure(error: Exception, damaged: list[Damaged], as_json: bool) -> None:
    if as_json:
        found = [each._asdict() for each in damaged]
        click.echo(json.dumps({"moved": False, "error": str(error), "damaged": found}, indent=2))
    for each in damaged[:20]:
        click.echo(f"damaged: {each.digest} (object {each.key}): {each.reason}", err=True)
    if len(damaged) > 20:
        click.echo(f"... and {len(damaged) - 20} more", err=True)
    click.echo(f"holdfast: not moved: {error}", err=True)
