"""`holdfast doctor`: is this machine, with these settings, fit to keep what it acknowledges?"""

import json
import sys
from dataclasses import asdict

import click

from holdfast.app.config import Loaded
from holdfast.cli.settings_flags import settings_flags

_MARKS = {"ok": "ok     ", "warning": "WARNING", "failed": "FAILED ", "skipped": "skipped"}

_EXAMPLES = """\b
Examples:
  holdfast doctor --data /srv/registry          before the first start, or while it runs
  holdfast doctor --config /etc/holdfast.toml   with the settings that the server has
  holdfast doctor --json                        for a program
"""


@click.command(epilog=_EXAMPLES)
@settings_flags()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(loaded: Loaded, as_json: bool) -> None:
    """Examine the machine: disk, syncs, file system, space, limits, database, port, certificates, clock.

    Takes the flags of `holdfast serve`. Changes nothing: what it writes to try the disk, it removes. Each
    finding says what to do. Ends with status 1 when a check failed.
    """
    from holdfast.app.doctor import Verdict, examine
    from holdfast.db.sqlite import describe

    checks = examine(loaded.settings, describe)
    fit = not any(each.verdict is Verdict.FAILED for each in checks)
    if as_json:
        click.echo(json.dumps({"fit": fit, "checks": [asdict(each) for each in checks]}, indent=2))
    else:
        width = max(len(each.name) for each in checks)
        for each in checks:
            click.echo(f"{_MARKS[each.verdict]}  {each.name:<{width}}  {each.seen}")
            if each.advice:
                click.echo(f"{'':<{width + 11}}-> {each.advice}")
    sys.exit(0 if fit else 1)
