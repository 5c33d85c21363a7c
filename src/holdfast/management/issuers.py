"""`/issuers`: whose tokens machines may log in with. For administrators; who manages access somewhere may look."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from pydantic import Field

from holdfast.access.federation.issuers import Issuers
from holdfast.access.federation.model import Issuer, IssuerChange, IssuerDraft
from holdfast.api.caller import Asking
from holdfast.api.etag import Expected, mark
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Moment, Output, Segment

_TEXT = 512


class IssuerView(Output):
    """An issuer. `keys`: the names of its keys, as last known; `keys_at`: when they were fetched (null: they were
    given); `rules`: how many rules rest on it."""

    name: str
    iss: str
    audience: str
    preset: str | None
    discovery: str | None
    pinned: bool
    keys: list[str]
    keys_at: Moment | None
    rules: int
    made_at: Moment
    made_by: str


class NewIssuer(Input):
    """An issuer to be registered. Its keys are fetched at once, unless they are given."""

    name: str = Field(max_length=64, description="What it is called here.")
    iss: str = Field("", max_length=_TEXT, description="What its tokens say; empty: that of the preset.")
    audience: str | None = Field(
        None, max_length=_TEXT, description="What its tokens are made for; null: this registry."
    )
    preset: str | None = Field(None, max_length=32, description="github, gitlab, google, azure, aws or kubernetes.")
    discovery: str | None = Field(
        None, max_length=2048, description="Its configuration, where that is not below `iss`."
    )
    jwks: dict[str, Any] | None = Field(None, description="Its keys (RFC 7517), instead of asking for them.")


class IssuerPatch(Input):
    """What is to be changed; what is not named stays."""

    audience: str | None = Field(None, max_length=_TEXT)
    jwks: dict[str, Any] | None = Field(None, description="Other keys, of an issuer whose keys were given.")


class IssuerHandlers:
    """The operations on issuers."""

    def __init__(self, issuers: Issuers) -> None:
        self._issuers = issuers

    async def list_issuers(self, caller: Asking, paging: Paged) -> Page[IssuerView]:
        """List issuers by name."""
        found = await self._issuers.page(
            caller.who, after=paging.after_text(), limit=paging.fetch, origin=caller.origin
        )
        return paging.page(found, issuer_view, lambda issuer: issuer.name)

    async def add_issuer(self, caller: Asking, new: NewIssuer, response: Response) -> IssuerView:
        """Register an issuer. Several may say the same `iss` when their keys differ."""
        draft = IssuerDraft(new.name, new.iss, new.audience, new.preset, new.discovery, new.jwks)
        return _answered(await self._issuers.add(caller.who, draft, origin=caller.origin), response)

    async def show_issuer(self, caller: Asking, name: Segment, response: Response) -> IssuerView:
        """Show one issuer."""
        return _answered(await self._issuers.get(caller.who, name, origin=caller.origin), response)

    async def change_issuer(
        self, caller: Asking, name: Segment, change: IssuerPatch, expected: Expected, response: Response
    ) -> IssuerView:
        """Change the audience of an issuer, or its keys if they were given."""
        wanted = IssuerChange(change.audience, change.jwks)
        found = await self._issuers.change(caller.who, name, wanted, expected=expected, origin=caller.origin)
        return _answered(found, response)

    async def remove_issuer(self, caller: Asking, name: Segment) -> None:
        """Remove an issuer, with every rule that rests on it: its machines are refused from the next request on."""
        await self._issuers.remove(caller.who, name, origin=caller.origin)


def issuer_view(issuer: Issuer) -> IssuerView:
    """An issuer as the API shows it."""
    return IssuerView.model_validate(issuer)


def _answered(issuer: Issuer, response: Response) -> IssuerView:
    mark(response, issuer.changed)
    return issuer_view(issuer)


def issuer_routes(issuers: Issuers) -> Routes:
    """The routes of `/issuers`."""
    on = IssuerHandlers(issuers)
    return routes(
        "/issuers",
        "issuers",
        Route("GET", "", on.list_issuers),
        Route("POST", "", on.add_issuer, 201),
        Route("GET", "/{name}", on.show_issuer),
        Route("PATCH", "/{name}", on.change_issuer),
        Route("DELETE", "/{name}", on.remove_issuer, 204),
    )
