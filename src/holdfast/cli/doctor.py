"""`holdfast doctor`: is this machine fit to keep what it acknowledges, and is a registry well reached?"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from holdfast.app.config import Loaded
from holdfast.app.doctor_check import Check, Verdict
from holdfast.cli.settings_flags import settings_flags

_MARKS = {"ok": "ok     ", "warning": "WARNING", "failed": "FAILED ", "skipped": "skipped"}

_EXAMPLES = """\b
Examples:
  holdfast doctor --data /srv/registry          before the first start, or while it runs
  holdfast doctor --config /etc/holdfast.toml   with the settings that the server has
  holdfast doctor --json                        for a program
\b
  holdfast doctor --url https://registry.example.com --user admin --password-file admin.txt
      From a client's machine: is the registry well reached through its proxy?
  holdfast doctor --config /etc/holdfast.toml --bundle support.tar.gz --log /var/log/holdfast.log
      Everything that a report of a defect needs, without secrets.
"""


@click.command(epilog=_EXAMPLES)
@settings_flags()
@click.option("--url", metavar="URL", help="Examine the way to the registry at URL, not this machine.")
@click.option("--user", metavar="NAME", help="With --url: who pushes the test image.")
@click.option("--password-file", type=click.Path(path_type=Path), metavar="FILE", help="With --url: its password.")
@click.option("--repository", metavar="NAME", help="With --url: where the test image goes; it is removed again.")
@click.option("--size", metavar="SIZE", default="32MiB", help="With --url: size of the test layer.  [32MiB]")
@click.option("--patience", metavar="TIME", default="10s", help="With --url: a pause that must be survived.  [10s]")
@click.option("--ca-file", type=click.Path(path_type=Path), metavar="FILE", help="With --url: authorities to trust.")
@click.option("--bundle", type=click.Path(path_type=Path), metavar="FILE", help="Write a bundle for support (tar.gz).")
@click.option("--log", type=click.Path(path_type=Path), metavar="FILE", help="With --bundle: add the end of this log.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(
    loaded: Loaded, /, url: str | None, bundle: Path | None, log: Path | None, as_json: bool, **way: str | Path | None
) -> None:
    """Examine the machine: disk, syncs, file system, space, limits, database, port, certificates, clock.

    Takes the flags of `holdfast serve`. Changes nothing: what it writes to try the disk, it removes. Each
    finding says what to do. Ends with status 1 when a check failed.

    With --url it examines the way to a registry instead: it pushes, pulls and removes a small image, and names
    what a proxy on the way does wrong.
    """
    if url is not None:
        _report(_examine_url(url, **way), as_json)
    from holdfast.app.doctor import examine
    from holdfast.db.sqlite import describe

    checks = examine(loaded.settings, describe)
    if bundle is not None:
        _write_bundle(loaded, checks, bundle, log)
        return
    _report(checks, as_json)


def _report(checks: list[Check], as_json: bool) -> None:
    """Print the findings and end the process."""
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


def _examine_url(url: str, **way: str | Path | None) -> list[Check]:
    from holdfast.app.doctor_url import LARGEST_LAYER, LONGEST_PAUSE, Target, examine_url
    from holdfast.app.quantities import parse_duration, parse_size
    from holdfast.oci.errors import NameInvalid
    from holdfast.oci.name import RepositoryName

    try:
        size, patience = parse_size(str(way["size"])), parse_duration(str(way["patience"])).total_seconds()
        repository = str(RepositoryName.parse(str(way["repository"]))) if way["repository"] else None
        if not 1 <= size <= LARGEST_LAYER:
            raise ValueError("--size: 1 byte to 512MiB")
        if not 0 < patience <= LONGEST_PAUSE:
            raise ValueError("--patience: up to 100s")
        ca = str(way["ca_file"]) if way["ca_file"] else None
        return examine_url(Target(url, _credential(way), repository, size, patience, ca))
    except NameInvalid as error:
        return _refuse(f"--repository: {error.reason}")
    except (ValueError, OSError) as error:
        return _refuse(str(error))


def _credential(way: dict[str, str | Path | None]) -> tuple[str, str] | None:
    if not way["user"]:
        return None
    if way["password_file"] is None:
        password: str = click.prompt("Password", hide_input=True, err=True)
        return str(way["user"]), password
    return str(way["user"]), Path(way["password_file"]).read_text(encoding="utf-8").rstrip("\r\n")


def _refuse(reason: str) -> list[Check]:
    click.echo(f"holdfast: {reason}", err=True)
    sys.exit(2)


def _write_bundle(loaded: Loaded, checks: list[Check], bundle: Path, log: Path | None) -> None:
    from holdfast.app.bundle import write_bundle

    try:
        names = write_bundle(loaded, checks, bundle, log)
    except OSError as error:
        click.echo(f"holdfast: {bundle} cannot be written: {error.strerror or error}", err=True)
        sys.exit(1)
    click.echo(f"{bundle}: {', '.join(names)}")
    click.echo("Look into it before you send it: secrets are left out, names and addresses are not.")
