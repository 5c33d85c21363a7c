"""`holdfast watch`: runs a command when an image changes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import click

from holdfast.cli.client import Problem, segment
from holdfast.cli.following import follow_events, patiently
from holdfast.cli.images import image_name
from holdfast.cli.moments import INSTANT, instant
from holdfast.cli.output import REFUSED, Api, client_verb, plain
from holdfast.cli.watching import TYPES, Move, Watcher, matching

_EXAMPLES = """\b
Examples:
  holdfast watch shop/web --tag prod --exec ./deploy.sh
  holdfast watch shop/web --tag 'v*' --state /var/lib/watch/web -- docker compose up -d web
  holdfast watch shop/web --tag prod --once --timeout 10m --exec true      wait for the next push
  holdfast watch shop/web --tag prod --since 1h --retry 5 --exec ./deploy.sh

\b
deploy.sh, for a Docker Swarm:
  #!/bin/sh
  exec docker service update --with-registry-auth --image "$HOLDFAST_REFERENCE" web
"""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_ENDS = 10.0
_MOST_BYTES = 100_000
_SHORT = 19
_NEVER = float("inf")


class _TooLate(Exception):
    """Nothing has come for as long as was said."""


@click.command(epilog=_EXAMPLES)
@click.argument("repository")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--tag", "tags", metavar="GLOB", multiple=True, help="The tags that count: prod, v*; repeatable. Else all."
)
@click.option("--exec", "line", metavar="CMD", help="The command and its arguments in one; no shell reads it.")
@click.option("--once", is_flag=True, help="End after the first run that succeeds; status 1 when one fails for good.")
@click.option("--since", metavar="TIME", help=f"Also what changed since: {INSTANT}")
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path), help="Keep in this file how far it came.")
@click.option("--retry", type=click.IntRange(0), default=0, metavar="N", help="Run a failing CMD again, up to N times.")
@click.option("--timeout", metavar="SPAN", help="End with status 1 when nothing changes for so long: 90s, 10m, 1h.")
@client_verb
def watch(
    api: Api,
    repository: str,
    command: tuple[str, ...],
    *,
    tags: tuple[str, ...],
    line: str | None,
    once: bool,
    since: str | None,
    state: Path | None,
    retry: int,
    timeout: str | None,
) -> None:
    """Run CMD whenever a tag of REPOSITORY moves to another digest: by a push, a promotion, a rollback, an undelete.

    CMD finds the image in its environment: HOLDFAST_REFERENCE (the image by its digest, to be pulled),
    HOLDFAST_REPOSITORY, HOLDFAST_TAG, HOLDFAST_DIGEST, and the whole event in HOLDFAST_EVENT (a CloudEvent, JSON).
    REPOSITORY may be a glob, as 'shop/**'.

    One CMD runs at a time. What happens to a tag meanwhile comes to one run afterwards, with where the tag is then. A
    CMD that fails is told, and run again with --retry, after 1, 2, 4 ... 60 seconds. It begins with what changes from
    now on, or since --since; with --state FILE it goes on where it stopped, and so misses nothing while it is not
    running: a change may then be run twice, when it was killed in between, but never not at all.
    """
    words = _words(line, command)
    watcher = Watcher(api.client, _fields(api, repository, tags), matching(tags), state)
    if watcher.place is None:
        watcher.since = instant(since)
    runner = _Runner(api, words, retry)
    _say_if_missing(api, repository)
    with _ending_by_signal():
        try:
            if watcher.place is None and since is None:
                watcher.begin(_now(api))
            _watch(api, watcher, runner, once=once, patience=_seconds(timeout))
        except KeyboardInterrupt:
            return
        except _TooLate:
            click.echo(f"holdfast: nothing changed for {timeout}", err=True)
            sys.exit(REFUSED)


def _watch(api: Api, watcher: Watcher, runner: _Runner, *, once: bool, patience: float) -> None:
    """Wait for changes, and run the command for each, for ever or once."""
    deadline = time.monotonic() + patience
    watcher.catch_up()
    while True:
        patiently(watcher.catch_up)
        move = watcher.pending()
        if move is None:
            watcher.save()
            _wait(api, watcher, deadline)
            continue
        done = runner.run(watcher, move)
        deadline = time.monotonic() + patience
        if once:
            sys.exit(0 if done else REFUSED)


def _wait(api: Api, watcher: Watcher, deadline: float) -> None:
    """Return when something happened. Raises `_TooLate`."""
    with _alarm(deadline - time.monotonic()):
        for told in follow_events(api.client, watcher.fields, watcher.place):
            if told.event is not None:
                return
            watcher.take(told)


class _Runner:
    """Runs the command."""

    def __init__(self, api: Api, words: Sequence[str], retry: int) -> None:
        self._api = api
        self._words = words
        self._retry = retry

    def run(self, watcher: Watcher, move: Move) -> bool:
        """Run it for `move`, or where that tag is by the time it is run again; whether it succeeded."""
        pause = _FIRST_PAUSE
        for left in range(self._retry, -1, -1):
            status = self._once(move)
            if status == 0:
                watcher.settle(move, done=True)
                return True
            why = f"{self._words[0]} ended with status {status} for {move.name}"
            if left == 0:
                break
            click.echo(f"holdfast: {plain(why)}; again in {pause:.0f} s", err=True)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            patiently(watcher.catch_up)
            move = watcher.latest(move)
        click.echo(f"holdfast: {plain(why)}; given up", err=True)
        watcher.settle(move, done=False)
        return False

    def _once(self, move: Move) -> int:
        if not self._api.as_json:
            click.echo(
                f"holdfast: {plain(move.name)} is {move.digest[:_SHORT]} now: running {self._words[0]}", err=True
            )
        try:
            process = subprocess.Popen(
                list(self._words),
                env={**os.environ, **_environment(self._api, move)},
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr if self._api.as_json else None,
            )
        except OSError as error:
            raise click.ClickException(f"{self._words[0]} cannot be run: {error.strerror}") from error
        try:
            status = process.wait()
        except KeyboardInterrupt:
            process.terminate()
            try:
                process.wait(_ENDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            raise
        if self._api.as_json:
            told = {"repository": move.repository, "tag": move.tag, "digest": move.digest, "status": status}
            click.echo(json.dumps({**told, "event": move.event["id"]}))
        return status


def _environment(api: Api, move: Move) -> dict[str, str]:
    event = json.dumps(move.event)
    if len(event) > _MOST_BYTES:  # a system takes no longer text: many tags moved at once
        data = {"path": move.repository, "tag": move.tag, "digest": move.digest, "more": True}
        event = json.dumps({**move.event, "data": data})
    host = urlsplit(api.client.context.url).netloc
    return {
        "HOLDFAST_EVENT": event,
        "HOLDFAST_REPOSITORY": move.repository,
        "HOLDFAST_TAG": move.tag,
        "HOLDFAST_DIGEST": move.digest,
        "HOLDFAST_REFERENCE": f"{host}/{move.repository}@{move.digest}",
    }


def _words(line: str | None, command: Sequence[str]) -> list[str]:
    """The command and its arguments. Raises `click.UsageError`."""
    if (line is None) == (not command):
        raise click.UsageError("say what to run: --exec 'CMD ARGUMENTS', or -- CMD ARGUMENTS")
    try:
        words = list(command) if line is None else shlex.split(line)
    except ValueError as error:
        raise click.UsageError(f"--exec: {str(error).lower()}") from error
    if not words:
        raise click.UsageError("--exec names no command")
    return words


def _fields(api: Api, repository: str, tags: Sequence[str]) -> dict[str, Any]:
    return {"repository": image_name(api.client, repository), "tag": list(tags) or ["*"], "type": list(TYPES)}


def _seconds(text: str | None) -> float:
    if text is None:
        return _NEVER
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in "smh":
        raise click.BadParameter(f"{text!r} is no span of time: 90s, 10m, 1h", param_hint="--timeout")
    return float(int(number) * {"s": 1, "m": 60, "h": 3600}[unit])


def _now(api: Api) -> int:
    """The place of the newest event."""
    told = next(iter(follow_events(api.client, {}, None)))
    return told.place


def _say_if_missing(api: Api, repository: str) -> None:
    name = image_name(api.client, repository)
    if "*" in name:
        return
    try:
        api.client.get(f"/repositories/{segment(name)}")
    except Problem as problem:
        if problem.status != 404:
            raise
        click.echo(f"holdfast: there is no {plain(name)} in your sight yet; waiting for it", err=True)


@contextmanager
def _ending_by_signal() -> Iterator[None]:
    """Let SIGTERM end this as Ctrl-C does: with the command that runs."""

    def end(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise `_TooLate` inside this block after so many seconds."""
    if seconds == _NEVER:
        yield
        return
    if seconds <= 0:
        raise _TooLate

    def ring(_number: int, _frame: object) -> NoReturn:
        raise _TooLate

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
