"""`holdfast config`: every setting in force, and where it comes from."""

import json

import click

from holdfast.app.config import Effective, Loaded
from holdfast.cli.settings_flags import settings_flags

_EXAMPLES = """\b
Examples:
  holdfast config                                  what `holdfast serve` would run with here
  HOLDFAST_LEASE=48h holdfast config               the environment is read, too
  holdfast config --config /etc/holdfast.toml      and so is a file:
\b
      listen = "127.0.0.1:5000"
      [storage]
      reserve = "2GiB"
\b
A flag wins over the environment, the environment over the file, the file over the default. A name with a dot
(storage.reserve) is HOLDFAST_STORAGE_RESERVE and --storage-reserve.
"""


@click.command(epilog=_EXAMPLES)
@settings_flags()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def config(loaded: Loaded, as_json: bool) -> None:
    """Print every effective setting and its origin.

    Takes the flags of `holdfast serve`. Secrets are never printed. Ends with status 2 and the list of all
    errors when the settings cannot be run with.
    """
    if as_json:
        settings = {each.name: {"value": each.value, "origin": each.origin} for each in loaded.effective}
        click.echo(json.dumps({"settings": settings}, indent=2))
        return
    rows = [(each.name, _text(each), each.origin) for each in loaded.effective]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, origin in rows:
        click.echo(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}")


def _text(setting: Effective) -> str:
    value = setting.value
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
