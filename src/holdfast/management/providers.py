"""`/providers`: the OpenID Connect providers that people sign in with. For administrators."""

from __future__ import annotations

from fastapi import Response
from pydantic import Field

from holdfast.access.signin.model import Provider, Wish
from holdfast.access.signin.providers import Providers
from holdfast.api.caller import Asking
from holdfast.api.etag import Expected, mark
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Moment, Output, Segment

_TEXT = 512
_SECRET = Field(None, max_length=_TEXT, description="The client secret; shown never again. None: a public client.")


class ProviderView(Output):
    """A provider. `redirect_uri`: what is to be registered there, exactly."""

    name: str
    title: str | None
    issuer: str
    client_id: str
    has_secret: bool
    scopes: str
    name_claim: str
    groups_claim: str | None
    creates: bool
    redirect_uri: str
    made_at: Moment
    made_by: str


class NewProvider(Input):
    """A provider to be added. Its discovery document is read at once, and must name the issuer."""

    name: str = Field(max_length=64, description="What its groups are called after: `NAME/GROUP`.")
    issuer: str = Field(max_length=2048)
    client_id: str = Field(max_length=_TEXT)
    client_secret: str | None = _SECRET
    title: str | None = Field(None, max_length=_TEXT, description="What the sign-in page calls it.")
    scopes: str = Field("openid profile email", max_length=_TEXT)
    name_claim: str = Field("preferred_username", max_length=_TEXT, description="The name of a new account.")
    groups_claim: str | None = Field("groups", max_length=_TEXT, description="null: groups are not read.")
    creates: bool = Field(default=True, description="Whether a first sign-in makes an account.")


class ProviderChange(Input):
    """What is to be changed; what is not named stays. The issuer cannot be: people are known by it."""

    client_id: str | None = Field(None, max_length=_TEXT)
    client_secret: str | None = Field(None, max_length=_TEXT, description="A new client secret.")
    title: str | None = Field(None, max_length=_TEXT)
    scopes: str | None = Field(None, max_length=_TEXT)
    name_claim: str | None = Field(None, max_length=_TEXT)
    groups_claim: str | None = Field(None, max_length=_TEXT)
    creates: bool | None = None


class ProviderCheckView(Output):
    """One thing that was tried, and what was found."""

    name: str
    ok: bool
    found: str


class ProviderTest(Output):
    """What a provider answered. `ok`: people can sign in with it, as far as can be seen from here."""

    ok: bool
    checks: list[ProviderCheckView]


class ProviderHandlers:
    """The operations on providers."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def list_providers(self, caller: Asking, paging: Paged) -> Page[ProviderView]:
        """List providers by name."""
        found = await self._providers.page(
            caller.who, after=paging.after_text(), limit=paging.fetch, origin=caller.origin
        )
        return paging.page(found, self._view, lambda provider: provider.name)

    async def add_provider(self, caller: Asking, new: NewProvider, response: Response) -> ProviderView:
        """Add a provider."""
        wish = Wish(
            new.issuer,
            new.client_id,
            new.client_secret,
            new.scopes,
            new.groups_claim,
            new.name_claim,
            new.title,
            new.creates,
        )
        return self._answered(await self._providers.add(caller.who, new.name, wish, origin=caller.origin), response)

    async def show_provider(self, caller: Asking, name: Segment, response: Response) -> ProviderView:
        """Show one provider."""
        return self._answered(await self._providers.get(caller.who, name, origin=caller.origin), response)

    async def change_provider(
        self, caller: Asking, name: Segment, change: ProviderChange, expected: Expected, response: Response
    ) -> ProviderView:
        """Change a provider, its client secret for instance."""
        before = await self._providers.get(caller.who, name, origin=caller.origin)
        given = {field: getattr(change, field) for field in change.model_fields_set}
        wish = Wish(
            before.issuer,
            given.get("client_id") or before.client_id,
            given.get("client_secret"),
            given.get("scopes") or before.scopes,
            given.get("groups_claim", before.groups_claim),
            given.get("name_claim") or before.name_claim,
            given.get("title", before.title),
            before.creates if given.get("creates") is None else given["creates"],
        )
        changed = before.changed if expected is None else expected
        return self._answered(
            await self._providers.change(caller.who, name, wish, expected=changed, origin=caller.origin), response
        )

    async def remove_provider(self, caller: Asking, name: Segment, expected: Expected) -> None:
        """Remove a provider: its people are signed out, and their keys refused, at once. The name stays taken."""
        await self._providers.remove(caller.who, name, expected=expected, origin=caller.origin)

    async def test_provider(self, caller: Asking, name: Segment) -> ProviderTest:
        """Ask a provider for its document and its keys, and say what was found."""
        checks = await self._providers.test(caller.who, name, origin=caller.origin)
        return ProviderTest(
            ok=all(each.ok for each in checks), checks=[ProviderCheckView.model_validate(each) for each in checks]
        )

    def _view(self, provider: Provider) -> ProviderView:
        return ProviderView(
            name=provider.name,
            title=provider.title,
            issuer=provider.issuer,
            client_id=provider.client_id,
            has_secret=provider.has_secret,
            scopes=provider.scopes,
            name_claim=provider.name_claim,
            groups_claim=provider.groups_claim,
            creates=provider.creates,
            redirect_uri=self._providers.redirect_uri(provider.name),
            made_at=provider.made_at,
            made_by=provider.made_by,
        )

    def _answered(self, provider: Provider, response: Response) -> ProviderView:
        mark(response, provider.changed)
        return self._view(provider)


def provider_routes(providers: Providers) -> Routes:
    """The routes of `/providers`."""
    on = ProviderHandlers(providers)
    return routes(
        "/providers",
        "providers",
        Route("GET", "", on.list_providers),
        Route("POST", "", on.add_provider, 201),
        Route("GET", "/{name}", on.show_provider),
        Route("PATCH", "/{name}", on.change_provider),
        Route("DELETE", "/{name}", on.remove_provider, 204),
        Route("POST", "/{name}/test", on.test_provider),
    )
