"""`/usage`: who used which right."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import Query
from pydantic import Field

from holdfast.access.errors import Invalid
from holdfast.access.policy.model import Action
from holdfast.access.usage.model import UNKNOWN_GROUPS, KeptUse
from holdfast.access.usage.service import Asked, Usage
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Moment, Output

_KEY_LENGTH = 32


class UseView(Output):
    """How often somebody used a right on one day, in one way. `groups` null: there were too many to keep; `network`:
    a /24 or /64; `reference`: a tag or digest, '' for blobs and the repository as a whole."""

    day: Moment
    subject: str
    groups: list[str] | None
    credential: str
    claims: dict[str, str]
    network: str
    agent: str
    action: str
    repository: str
    reference: str
    allowed: bool
    count: int = Field(ge=1)
    first_at: Moment
    last_at: Moment


class UsePage(Page[UseView]):
    """A piece of the usage. `lost`: use in this time that found no room, in the first piece of who may read all."""

    lost: int


class UsageHandlers:
    """The operations on usage."""

    def __init__(self, usage: Usage) -> None:
        self._usage = usage

    async def list_usage(
        self,
        caller: Asking,
        paging: Paged,
        *,
        repository: Annotated[
            str | None, Query(max_length=260, description="A repository; `team/**` is all below it, too.")
        ] = None,
        subject: Annotated[str | None, Query(max_length=512, description="`user:alice`, `anonymous`.")] = None,
        action: Annotated[str | None, Query(max_length=32)] = None,
        allowed: bool | None = None,
        since: GivenMoment | None = None,
    ) -> UsePage:
        """Who used which right, counted by day: in repositories on which the caller has `read-audit`.

        In no order. A page may be shorter than asked for and still have a next one. `since`: from that day on.
        """
        if action is not None and action not in set(Action):
            raise Invalid("action", f"{action[:32]!r} is no action: {', '.join(Action)}")
        path = repository.removesuffix("/**") if repository not in (None, "**") else None
        if path is not None and "*" in path:
            raise Invalid("repository", "name a repository, or all below a path as in team/**")
        asked = Asked(path, path != repository, subject, action, allowed, since or 0)
        after = paging.after_text()
        if after and (len(after) != _KEY_LENGTH or not set(after) <= set("0123456789abcdef")):
            raise Invalid("after", "this is no cursor of this list: begin again without it")
        found = await self._usage.page(caller.who, asked, after=after, limit=paging.limit, origin=caller.origin)
        page = paging.part(found.uses, use_view, found.next)
        return UsePage(items=page.items, next=page.next, lost=found.lost)


def use_view(use: KeptUse) -> UseView:
    """An aggregate as the API shows it."""
    return UseView(
        day=use.day,
        subject=use.subject,
        groups=None if use.groups == UNKNOWN_GROUPS else json.loads(use.groups),
        credential=use.credential,
        claims=json.loads(use.claims) if use.claims else {},
        network=use.network,
        agent=use.agent,
        action=use.action,
        repository=use.repository,
        reference=use.reference,
        allowed=use.allowed,
        count=use.times,
        first_at=use.first_at,
        last_at=use.last_at,
    )


def usage_routes(usage: Usage) -> Routes:
    """The routes of `/usage`."""
    on = UsageHandlers(usage)
    return routes("/usage", "usage", Route("GET", "", on.list_usage))
