"""Following the events of a registry, as the client verbs do.

Promises: whoever goes on is told of everything that he asked for exactly once, in order, whatever breaks in between:
after a connection that was lost or a server that was started again it goes on behind the last place that it has seen.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import click

from holdfast.cli.client import Client, Problem, Unreachable
from holdfast.cli.output import plain

SILENCE = 45.0
"""Seconds without a sign of life, of which one comes every 15, after which a stream counts as lost."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_LATER = (429, 503)
_PAGE = 500


class Told(NamedTuple):
    """What a stream told: an event, None for a sign of life; and the place that is reached with it."""

    event: dict[str, Any] | None
    place: int


def past_events(client: Client, fields: Mapping[str, Any], place: int | None) -> Iterator[Told]:
    """Every event beyond `place` (None: of all that are there) that has happened by now; the last of them says how far
    was looked."""
    after = place
    while True:
        page = client.get("/events", limit=_PAGE, after=after, **fields)
        for event in page["items"]:
            yield Told(event, int(event["id"]))
        reached = int(page["next"])
        if not page["items"] and reached == after:
            yield Told(None, reached)
            return
        after = reached


def follow_events(
    client: Client,
    fields: Mapping[str, Any],
    place: int | None,
    *,
    seconds: float = SILENCE,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Told]:
    """Every event beyond `place` (None: from now on, or since the time in `fields`), for ever, with the signs of life
    between them. What is away is waited for, once it was there. Raises `Problem` for a refusal, `Unreachable` for a
    registry that never answered."""
    known = False
    waited = _FIRST_PAUSE
    while True:
        try:
            for told in _stream(client, fields, place, seconds):
                known, waited, place = True, _FIRST_PAUSE, told.place
                yield told
            pause(_FIRST_PAUSE)  # it ended properly: the server is started again, or the token has ended
            continue
        except Problem as problem:
            if problem.status not in _LATER or not known:
                raise
            why = problem.detail
        except Unreachable as error:
            if not known:
                raise
            why = str(error)
        waited = _tell_and_wait(why, waited, pause)


def _stream(client: Client, fields: Mapping[str, Any], place: int | None, seconds: float) -> Iterator[Told]:
    """One stream, to its end."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(place)} if place is not None else {})
    reached, data = place, ""
    for line in client.lines("/events/stream", headers=headers, seconds=seconds, **fields):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id" and value.isascii() and value.isdecimal():
            reached = int(value)
        elif name == "data":
            data = value
        elif not line and reached is not None:  # an empty line ends an event; a stream that breaks off ends none
            yield Told(json.loads(data) if data else None, reached)
            data = ""


def patiently(call: Callable[[], None], *, pause: Callable[[float], None] = time.sleep) -> None:
    """Call until the registry is there to answer it, for a verb that it answered before. Raises `Problem`."""
    waited = _FIRST_PAUSE
    while True:
        try:
            call()
            return
        except Problem as problem:
            if problem.status not in _LATER:
                raise
            why = problem.detail
        except Unreachable as error:
            why = str(error)
        waited = _tell_and_wait(why, waited, pause)


def _tell_and_wait(why: str, waited: float, pause: Callable[[float], None]) -> float:
    """Wait for a registry that is away, which is told the first time; returns how long to wait the next time."""
    if waited == _FIRST_PAUSE:
        click.echo(f"holdfast: {plain(why)}; going on when it is back", err=True)
    pause(waited)
    return min(waited * 2, _LONGEST_PAUSE)


def reader_left() -> bool:
    """Whether nobody reads this program's standard output any more."""
    import select

    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(found & (select.POLLERR | select.POLLNVAL) for _, found in poll.poll(0))
    except (OSError, ValueError, AttributeError):
        return False
