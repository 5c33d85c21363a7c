"""`holdfast audit`: who did what, who was refused, and whether that record is whole."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from holdfast.cli.audit_proofs import archive_faults, checkpoint_faults, entry_lines, known_hashes
from holdfast.cli.client import Client
from holdfast.cli.output import REFUSED, Api, client_verb, plain, refusals, show_table, when

_AUDIT = """\b
Examples:
  holdfast audit                                   the last 50 entries
  holdfast audit --repository 'shop/**' --kind grant --since 7d
  holdfast audit --actor user:dora --kind access.denied --json
  holdfast audit --since 2027-01-01 --until 2027-02-01 --csv > january.csv
  holdfast audit --follow                          and what happens from now on
  holdfast audit verify                            is the record whole?
"""
_VERIFY = """\b
Examples:
  holdfast audit verify
  holdfast audit verify --checkpoint /mnt/worm/checkpoints
  holdfast audit verify --archive audit-2026.jsonl
"""
_ARCHIVE = """\b
Examples:
  holdfast audit archive audit-2026.jsonl --before 2027-01-01
  holdfast audit archive audit.jsonl --before 365d --drop
"""
_SPAN = re.compile(r"([0-9]{1,6})(s|min|m|h|d|w)\Z")
_UNITS = {"s": "seconds", "min": "minutes", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PAUSE = 1.0
_TAIL = 20


@click.group(invoke_without_command=True, epilog=_AUDIT)
@click.option("--actor", metavar="SUBJECT", help="Who did it: user:NAME, robot:NAMESPACE+NAME, anonymous.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="grant.added, or grant for all; repeatable.")
@click.option("--repository", metavar="PATH", help="A repository or namespace; 'team/**' is all below it, too.")
@click.option("--request", "request_id", metavar="ID", help="What one request did.")
@click.option("--since", metavar="TIME", help="7d (ago), 2027-01-31, 2027-01-31T18:00:00Z.")
@click.option("--until", metavar="TIME", help="Likewise; not included.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The most entries shown.")
@click.option("--all", "every", is_flag=True, help="All of them.")
@click.option("--follow", is_flag=True, help="Go on with what happens, until Ctrl-C; the oldest first.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated, for a spreadsheet.")
@click.option("--json", "as_json", is_flag=True, help="JSON, as the API answers; with --follow a line each.")
@click.option("--context", metavar="NAME", help="The registry and user of this name.")
@click.pass_context
def audit(
    ctx: click.Context,
    *,
    actor: str | None,
    kinds: tuple[str, ...],
    repository: str | None,
    request_id: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    every: bool,
    follow: bool,
    as_csv: bool,
    as_json: bool,
    context: str | None,
) -> None:
    """Show the audit: changes, refusals and log-ins, the newest first.

    You see the entries of namespaces and repositories on which you have read-audit; all of them with read-audit on
    everything.
    """
    if ctx.invoked_subcommand is not None:
        return
    fields = {
        "actor": actor,
        "kind": list(kinds) or None,
        "repository": repository,
        "request_id": request_id,
        "since": past(since),
        "until": past(until),
    }
    with refusals(as_json=as_json):
        api = Api(Client.from_context(context), as_json=as_json)
        if follow:
            _follow(api, fields)
            return
        found = api.client.pages("/audit", most=None if every else limit, **fields)
        if as_csv:
            for line in entry_lines(found):
                click.echo(line, nl=False)
        else:
            api.show_list(found, ("POS", "WHEN", "WHO", "WHAT", "WHERE", "MORE"), _row, "no entries in your sight")


@audit.command(epilog=_VERIFY)
@click.option(
    "--checkpoint",
    "checkpoints",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A file of checkpoints kept elsewhere, or of the log; repeatable.",
)
@click.option(
    "--archive",
    "archives",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A file that `audit archive` wrote; repeatable.",
)
@client_verb
def verify(api: Api, *, checkpoints: tuple[Path, ...], archives: tuple[Path, ...]) -> None:
    """Prove that nobody changed, deleted, inserted or moved entries of the audit.

    Checks every entry against the chain of hashes, and the chain against its signed checkpoints. A checkpoint that was
    kept elsewhere also shows whether the end was cut off, or all of it was made anew. Entries of the last second are
    not sealed yet; how many they are is shown. Status 1 when something does not fit.
    """
    client = api.client
    total = {"segments": 0, "rows": 0, "archived": 0, "checkpoints": 0}
    findings: list[dict[str, Any]] = []
    after: int | None = 0
    head = ""
    while after is not None:
        part = client.post("/audit/check", {"after": after, "head": head})
        for name in total:
            total[name] += part[name]
        findings += part["findings"]
        after, head = part["next"], part["head"]
    for file in checkpoints:
        findings += checkpoint_faults(client, file)
    hashes = known_hashes(client) if archives else {}
    for file in archives:
        findings += archive_faults(file, hashes)
    tail = client.get("/audit/tail")
    report = {**total, "findings": findings, "tail": tail, "whole": not findings}
    api.show(report, lambda _: _say(report, bool(checkpoints)))
    if findings:
        sys.exit(REFUSED)


@audit.command(epilog=_ARCHIVE)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--before", required=True, metavar="TIME", help="What was sealed before: 365d (ago), 2027-01-31.")
@click.option("--drop", is_flag=True, help="Drop from the database what is in the file now; for administrators.")
@client_verb
def archive(api: Api, *, file: Path, before: str, drop: bool) -> None:
    """Write old entries to FILE, a JSON line for each segment, which must not exist yet.

    With --drop they leave the database once the file is on the disk. Their hashes stay there, so the chain is checked
    as before, and `audit verify --archive FILE` checks the file.
    """
    last: dict[str, Any] | None = None
    segments = rows = 0
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be made: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        for last in api.client.pages("/audit/segments", sealed_before=past(before)):
            out.write(json.dumps(last, sort_keys=True) + "\n")
            segments += 1
            rows += len(last["rows"])
        out.flush()
        os.fsync(out.fileno())
    if last is None:
        file.unlink()
    findings = archive_faults(file, None) if last is not None else []
    if findings:
        raise click.ClickException(
            f"what was read does not fit its own hashes, nothing was dropped: {findings[0]['what']}"
        )
    dropped = 0
    if drop and last is not None:
        dropped = api.client.post("/audit/drop", {"through": last["n"], "hash": last["hash"]})["rows"]
    said = f"{rows} entries in {segments} segments written to {file}" if last is not None else "nothing is that old"
    report = {"file": str(file) if last else None, "segments": segments, "rows": rows, "dropped": dropped}
    api.show(report, said + (f", {dropped} dropped" if drop and last is not None else ""))


def past(text: str | None) -> str | None:
    """A time for the API: `7d` is so long ago, by this machine's clock; a day begins. Raises `click.BadParameter`."""
    if text is None:
        return None
    span = _SPAN.match(text)
    try:
        if span is not None:
            found = datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
        else:
            found = datetime.fromisoformat(text)
            found = found if found.tzinfo is not None or len(text) > len("2027-01-31") else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"{text!r} is no time: 7d, 12h, 2027-01-31, 2027-01-31T18:00:00Z") from error
    if found.tzinfo is None:
        raise click.BadParameter(f"{text!r} names no offset: 2027-01-31T18:00:00Z")
    return found.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _row(entry: Mapping[str, Any]) -> tuple[object, ...]:
    data = dict(entry["data"])
    more = {name: value for name, value in data.items() if name not in {"first_at", "last_at", "repository"}}
    if entry["address"]:
        more["from"] = entry["address"]
    return entry["pos"], when(entry["at"]), entry["actor"], entry["kind"], entry["path"], more


def _follow(api: Api, fields: Mapping[str, Any]) -> None:
    """The last entries, then each as it comes, until the user ends it."""
    begin = list(api.client.pages("/audit", most=_TAIL, **fields))[::-1]
    _show_some(api, begin)
    fields = {**fields, "order": "oldest"}
    page = api.client.get("/audit", limit=1)
    last = max([entry["pos"] for entry in (*begin, *page["items"])], default=0)
    after = _cursor(last)
    try:
        while True:
            page = api.client.get("/audit", after=after, **fields)
            _show_some(api, page["items"])
            after = page["next"] or after
            if not page["items"]:
                time.sleep(_PAUSE)
    except KeyboardInterrupt:
        return


def _cursor(place: int) -> str | None:
    """The cursor of a list by numbers, as the API makes it."""
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(str(place).encode()).decode() if place else None


def _show_some(api: Api, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        if api.as_json:
            click.echo(json.dumps(entry))
        else:
            pos, at, who, what, where, more = map(plain, _row(entry))
            click.echo("  ".join(cell for cell in (pos, at, who, what, where, more) if cell))


def _say(report: Mapping[str, Any], with_checkpoints: bool) -> None:
    tail = report["tail"]
    if report["findings"]:
        show_table(("SEGMENT", "FOUND"), [(each["segment"] or "", each["what"]) for each in report["findings"]])
    click.echo(
        f"{report['rows']} entries in {report['segments']} segments checked against the chain, "
        f"{report['checkpoints']} signed checkpoints"
    )
    if report["archived"]:
        click.echo(f"{report['archived']} segments are archived: of these the hashes were checked; see --archive")
    if tail["unsealed"]:
        click.echo(f"{tail['unsealed']} entries are not sealed yet, the oldest of {when(tail['oldest_unsealed'])}")
    if not with_checkpoints:
        click.echo("give a checkpoint that was kept elsewhere (--checkpoint) to prove that nothing was cut off")
    click.echo("something does not fit" if report["findings"] else "the audit is whole")
