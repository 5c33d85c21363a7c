"""How `holdfast connect` ends: the account is made, the configuration goes out, and what was done is said.

Nothing is made before everything that can be checked was checked; when the configuration cannot be given, the account
is taken back.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

import click

from holdfast.cli.connect.account import KEY_NAME, Account, Wanted, exists, known_issuer, made, placeholder
from holdfast.cli.connect.registry import Registry
from holdfast.cli.connect.setup import File, Setup, check_place, write
from holdfast.cli.output import Api, plain, when


@dataclass(frozen=True, slots=True)
class Asked:
    """What every `connect` is told. `registry`: as the client sees it; `directory`: where files go, None: to standard
    output; `key_file`: where a key goes that is in no file of the configuration."""

    wanted: Wanted
    registry: Registry
    dry_run: bool = False
    directory: Path | None = None
    force: bool = False
    key_file: Path | None = None


def by_token(api: Api, asked: Asked, claims: Sequence[str], issuer: str | None, preset: str) -> Asked:
    """`asked`, with a rule for the tokens with these claims instead of a key. Raises `click.UsageError`."""
    wanted: dict[str, str] = {}
    for claim in claims:
        field, equals, value = claim.partition("=")
        if not equals or field in wanted:
            raise click.UsageError(f"--claim is CLAIM=VALUE, each claim once: {plain(claim)!r}")
        wanted[field] = value
    if issuer is None and not asked.dry_run:
        issuer = known_issuer(api.client, preset)
    return replace(asked, wanted=replace(asked.wanted, issuer=issuer or preset, claims=wanted))


def connect_to(api: Api, asked: Asked, build: Callable[[Account], Setup]) -> None:
    """Make the account that is wanted, and give what `build` says of it."""
    stand_in = placeholder(asked.wanted)
    draft = build(stand_in)
    check(asked, draft.files)
    if asked.dry_run:
        give(api, asked, stand_in, draft)
        if not api.as_json:
            click.echo(f"holdfast: nothing was made; {stand_in.user} stands for a new robot", err=True)
            say_notes(asked, draft)
        return
    there = exists(api.client, asked.wanted.repository)
    with made(api.client, asked.wanted) as account:
        setup = build(account)
        give(api, asked, account, setup)
    if not api.as_json:
        _say(asked, account, setup, there=there)


def check(asked: Asked, files: Sequence[File]) -> None:
    """Raise `click.UsageError` unless all files can be written where they are to go."""
    if asked.dry_run and (asked.directory is not None or asked.key_file is not None):
        raise click.UsageError("--dry-run prints placeholders: it goes without --write and --key-file")
    if asked.directory is not None:
        check_place(asked.directory, [file.name for file in files], force=asked.force)
    if asked.key_file is not None:
        check_place(asked.key_file.parent, [asked.key_file.name], force=False)


def give(api: Api, asked: Asked, account: Account | None, setup: Setup) -> None:
    """Write the files, or print the first one. Raises `click.ClickException`."""
    if asked.directory is not None:
        write(asked.directory, setup.files, force=asked.force)
    if asked.key_file is not None and account is not None:
        key = File(asked.key_file.name, f"{account.secret}\n", "", secret=True)
        write(asked.key_file.parent, [key], force=False)
    try:
        if api.as_json:
            api.show(_as_json(asked, account, setup))
        elif asked.directory is None:
            click.echo(setup.files[0].content, nl=False)
    except OSError as error:
        _silence()
        raise click.ClickException(f"the configuration cannot be printed: {error.strerror}") from error


def say_notes(asked: Asked, setup: Setup) -> None:
    """What is to be known of the configuration, on standard error."""
    if asked.directory is not None:
        for file in setup.files:
            _line(f"wrote {asked.directory / file.name}")
    for note in setup.notes:
        _line(note)


def _say(asked: Asked, account: Account, setup: Setup, *, there: bool) -> None:
    wanted = asked.wanted
    may = "push to and pull" if wanted.push else "pull"
    how = f"by tokens of {wanted.issuer} with {plain(dict(wanted.claims))}" if wanted.claims else "by a key"
    ends = f"until {when(account.expires_at)}" if account.expires_at else "without an end"
    click.echo(f"holdfast: made {account.subject}, which may {may} {wanted.repository} {how}, {ends}", err=True)
    if not there:
        _line(f"there is no repository {wanted.repository} yet, or you may not see it")
    more = _context()
    seen = f"key list --for {quote(account.subject)}"
    if wanted.claims:
        seen = f"federation list --namespace {quote(account.user.partition('+')[0])}"
    _line(f"to see it: holdfast {seen}{more}")
    _line(f"to revoke it: holdfast robot delete {quote(account.user)}{more}")
    if setup.stored is not None and asked.key_file is not None:
        _line(f"to store the key: {setup.stored[1].format(quote(str(asked.key_file)))}")
    elif setup.stored is not None:
        _line(f"to store the key, shown this once: {setup.stored[0].format(account.secret)}")
    say_notes(asked, setup)


def _as_json(asked: Asked, account: Account | None, setup: Setup) -> dict[str, Any]:
    found: dict[str, Any] = {
        "target": asked.wanted.target,
        "registry": asked.registry.url,
        "repository": asked.wanted.repository,
        "dry_run": asked.dry_run,
        "account": None,
        "files": [asdict(file) for file in setup.files],
        "notes": list(setup.notes),
    }
    if account is not None:
        found["account"] = {
            "subject": account.subject,
            "user": account.user,
            "role": asked.wanted.role,
            "key": None if asked.wanted.claims else {"name": KEY_NAME, "secret": account.secret},
            "expires_at": account.expires_at,
            "revoke": f"holdfast robot delete {quote(account.user)}{_context()}",
        }
    return found


def _context() -> str:
    """The option by which other verbs talk to the same registry, '' where they do so anyway."""
    name = click.get_current_context().params.get("context")
    return f" --context {quote(name)}" if name else ""


def _silence() -> None:
    """Let what is still to be printed go nowhere: else the interpreter tries again when it ends."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _line(text: str) -> None:
    click.echo(f"  {plain(text)}", err=True)
