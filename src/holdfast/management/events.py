"""`/events`: what happened, by cursor, and as it happens."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from fastapi import Depends, Header, Query
from fastapi.responses import Response
from pydantic import SerializerFunctionWrapHandler, model_serializer

from holdfast.access.errors import Invalid
from holdfast.access.service import Access
from holdfast.api.caller import Asking, Staying
from holdfast.api.page import DEFAULT, MOST, Page
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Id, Output
from holdfast.api.streaming import EventStream
from holdfast.journal.reading import END
from holdfast.management.event_streams import Following, Streams
from holdfast.registry.events.model import Event, cloud_event
from holdfast.registry.events.service import Events, Filter

_PLACE_DIGITS = 19
_Types = Annotated[
    list[str] | None,
    Query(max_length=50, description="`tag.moved`, or `tag` for all that begin so; several are alternatives."),
]
_Repositories = Annotated[
    list[str] | None,
    Query(max_length=50, description="A repository or namespace, or a glob of them: `team/**` is all below it, too."),
]
_Tags = Annotated[
    list[str] | None, Query(max_length=50, description="A glob of tags; what is about no tag is left out then.")
]
_Place = Annotated[
    int | None,
    Query(ge=0, lt=END, description="The `id` of the last event that was dealt with, or `next` of the page before."),
]


class EventView(Output):
    """An event in the form of CloudEvents 1.0. `id`: its place in the journal; `subject`, `actor`, `requestid`: left
    out where there is none or it may not be told; `address`, `agent`, `credential`: for auditors alone."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: str
    datacontenttype: Literal["application/json"]
    subject: str | None = None
    actor: str | None = None
    requestid: str | None = None
    address: str | None = None
    agent: str | None = None
    credential: str | None = None
    data: dict[str, Any]

    @model_serializer(mode="wrap")
    def _without_nothing(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in write(self).items() if value is not None}


class _Places(NamedTuple):
    """What a request asks of the list: at most `limit` events after the place `after`."""

    limit: int
    after: int | None


async def _places(
    limit: Annotated[int, Query(ge=1, description=f"How many events at most; above {MOST} is {MOST}.")] = DEFAULT,
    after: _Place = None,
) -> _Places:
    return _Places(min(limit, MOST), after)


async def _filter(
    type: _Types = None, repository: _Repositories = None, tag: _Tags = None, since: GivenMoment | None = None
) -> Filter:
    return Filter.of(type or (), repository or (), tag or (), since)


_Wanted = Annotated[Filter, Depends(_filter)]


class EventHandlers:
    """The operations on events. `source`: the registry's URL, as clients see it."""

    def __init__(self, access: Access, events: Events, streams: Streams, source: str) -> None:
        self._access = access
        self._events = events
        self._streams = streams
        self._source = source

    async def list_events(
        self,
        caller: Asking,
        paging: Annotated[_Places, Depends(_places)],
        wanted: _Wanted,
        *,
        order: Annotated[
            Literal["oldest", "newest"], Query(description="`newest`: backwards, from the newest or before `after`.")
        ] = "oldest",
    ) -> Page[EventView]:
        """What happened, as far as the caller may see it.

        Oldest first: from the beginning, after a place, or since a time; there is always a `next`, after which what
        happens later comes. A page may be shorter than asked for, or empty, and still have a next one. Newest first:
        `next` is null at the end.
        """
        permit = self._access.path(caller.who, "", caller.origin)
        if order == "newest":
            found = await self._events.newest(permit, wanted, paging.after, paging.limit)
        else:
            found = await self._events.oldest(permit, wanted, paging.after, paging.limit)
        items = [self._view(event) for event in found.events]
        return Page(items=items, next=None if found.next is None else str(found.next))

    async def show_event(self, caller: Asking, id: Id) -> EventView:
        """One event, by its place."""
        permit = self._access.path(caller.who, "", caller.origin)
        return self._view(await self._events.show(permit, id))

    async def stream_events(
        self,
        caller: Asking,
        staying: Staying,
        wanted: _Wanted,
        *,
        after: _Place = None,
        last_event_id: Annotated[
            str | None, Header(max_length=64, description="As a client that lost the stream sends it; before `after`.")
        ] = None,
    ) -> Response:
        """What happens, as it happens: server-sent events.

        From now on, or after a place, or since a time. Each event has its place as `id`, its type as `event`, and the
        CloudEvent as `data`. Whoever comes back with the last `id` in `Last-Event-ID` misses nothing. A line that
        begins with a colon comes at least every 15 seconds. Rights are decided anew all the while: the stream ends when
        the credential no longer holds, and when the server ends.
        """
        asked = after if last_event_id is None else _number(last_event_id)
        place = await self._events.begin(self._access.path(caller.who, "", caller.origin), wanted, asked)
        self._access.served(caller.who, caller.origin)
        following = Following(self._access, self._events, staying, wanted, place, self._source)
        release = self._streams.take(caller.who)
        return EventStream(self._streams.pieces(following), release)

    def _view(self, event: Event) -> EventView:
        return EventView(**cloud_event(event, self._source, with_origin=True))


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > _PLACE_DIGITS or int(text) >= END:
        raise Invalid("last-event-id", "this is no place of an event")
    return int(text)


def event_routes(access: Access, events: Events, streams: Streams, source: str) -> Routes:
    """The routes of `/events`."""
    on = EventHandlers(access, events, streams, source)
    return routes(
        "/events",
        "events",
        Route("GET", "", on.list_events),
        Route("GET", "/stream", on.stream_events, media="text/event-stream"),
        Route("GET", "/{id}", on.show_event),
    )
