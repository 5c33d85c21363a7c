"""`/admin/sign-in`: how people sign in: with a password here, and with OpenID Connect providers; asking one of them
whether it answers as it should. For administrators, of whom one with a password of this registry always stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.access.errors import Conflict, Invalid
from holdfast.access.grants.groups import Groups
from holdfast.access.signin.model import Provider, Wish
from holdfast.access.signin.providers import Providers
from holdfast.console.admin_tabs import admin_tabs, require_administrator
from holdfast.web.formats import urlpath
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_MOST = 100
_GROUPS = 200
_EMPTY = {
    "name": "",
    "title": "",
    "issuer": "",
    "client_id": "",
    "scopes": "openid profile email",
    "groups_claim": "groups",
    "name_claim": "preferred_username",
    "creates": "1",
}


class SignInMethodPages:
    """The pages of ways to sign in."""

    def __init__(self, frame: Frame, providers: Providers, groups: Groups) -> None:
        self._frame = frame
        self._providers = providers
        self._groups = groups

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", "/admin/sign-in", self.all),
            Route("POST", "/admin/sign-in", self.add),
            Route("GET", "/admin/sign-in/-/new", self.fresh),
            Route("GET", "/admin/sign-in/{name}", self.show),
            Route("POST", "/admin/sign-in/{name}", self.change),
            Route("GET", "/admin/sign-in/{name}/test", self.test),
            Route("GET", "/admin/sign-in/{name}/remove", self.confirm),
            Route("POST", "/admin/sign-in/{name}/remove", self.remove),
        ]

    async def all(self, visit: Visit) -> Answer:
        """Every way."""
        caller = require_administrator(self._frame, visit)
        found = await self._providers.page(caller.who, after="", limit=_MOST, origin=caller.origin)
        tabs = admin_tabs("sign-in", administers=True)
        crumbs = [Crumb("Administration", "/admin"), Crumb("Sign-in")]
        return self._frame.page(visit, "sign-in-methods.html", crumbs=crumbs, tabs=tabs, providers=found)

    async def fresh(self, visit: Visit) -> Answer:
        """The form of a new provider."""
        require_administrator(self._frame, visit)
        return self._form(visit, _EMPTY, None)

    async def add(self, visit: Visit) -> Answer:
        """Add a provider."""
        fields = await self._frame.changes(visit)
        caller = require_administrator(self._frame, visit)
        tried = _tried(fields)
        try:
            made = await self._providers.add(caller.who, tried["name"], _wish(fields, tried), origin=caller.origin)
        except (Invalid, Conflict) as error:
            return self._form(visit, tried, None, error, 400)
        return self._frame.done(visit, f"{_at(made.name)}/test", f"{made.label} is added")

    async def show(self, visit: Visit) -> Answer:
        """A provider, to be changed."""
        provider = await self._provider(visit)
        return self._form(visit, _of(provider), provider)

    async def change(self, visit: Visit) -> Answer:
        """Change a provider."""
        fields = await self._frame.changes(visit)
        caller = require_administrator(self._frame, visit)
        provider = await self._provider(visit)
        tried = {**_tried(fields), "name": provider.name, "issuer": provider.issuer}
        try:
            await self._providers.change(caller.who, provider.name, _wish(fields, tried), origin=caller.origin)
        except (Invalid, Conflict) as error:
            return self._form(visit, tried, provider, error, 400)
        return self._frame.done(visit, _at(provider.name), f"{provider.label} is changed")

    async def test(self, visit: Visit) -> Answer:
        """Ask the provider, and say which claims are read and which groups came by it."""
        caller = require_administrator(self._frame, visit)
        provider = await self._provider(visit)
        checks = await self._providers.test(caller.who, provider.name, origin=caller.origin)
        groups = await self._groups.page(caller.who, after=f"{provider.name}/", limit=_GROUPS, origin=caller.origin)
        return self._frame.page(
            visit,
            "sign-in-test.html",
            crumbs=self._crumbs(provider.name, "Test"),
            provider=provider,
            checks=checks,
            groups=[group.name for group in groups if group.name.startswith(f"{provider.name}/")],
            redirect=self._providers.redirect_uri(provider.name),
            at=_at(provider.name),
        )

    async def confirm(self, visit: Visit, said: str = "", status: int = 200) -> Answer:
        """Ask before a provider is removed."""
        provider = await self._provider(visit)
        return self._frame.page(
            visit,
            "sign-in-remove.html",
            status=status,
            crumbs=self._crumbs(provider.name, "Remove"),
            provider=provider,
            at=_at(provider.name),
            said=said,
        )

    async def remove(self, visit: Visit) -> Answer:
        """Remove a provider."""
        fields = await self._frame.changes(visit)
        caller = require_administrator(self._frame, visit)
        name = visit.named["name"]
        if fields.get("name", "").strip() != name:
            return await self.confirm(visit, visit.told(Invalid("name", f"type {name} to remove it")), 400)
        await self._providers.remove(caller.who, name, origin=caller.origin)
        return self._frame.done(visit, "/admin/sign-in", f"{name} is removed")

    async def _provider(self, visit: Visit) -> Provider:
        caller = require_administrator(self._frame, visit)
        return await self._providers.get(caller.who, visit.named["name"], origin=caller.origin)

    def _form(
        self,
        visit: Visit,
        tried: Mapping[str, str],
        provider: Provider | None,
        error: Invalid | Conflict | None = None,
        status: int = 200,
    ) -> Answer:
        errors: dict[str, Any] = dict.fromkeys((*_EMPTY, "secret"), "")
        if error is not None:
            errors[error.field if isinstance(error, Invalid) and error.field in errors else "name"] = str(error)
        return self._frame.page(
            visit,
            "sign-in-method.html",
            status=status,
            crumbs=self._crumbs(provider.name if provider else "New provider"),
            tried=tried,
            provider=provider,
            errors=errors,
            redirect=self._providers.redirect_uri(provider.name if provider else "NAME"),
            at=_at(provider.name) if provider else "/admin/sign-in",
        )

    @staticmethod
    def _crumbs(name: str, last: str = "") -> list[Crumb]:
        found = [Crumb("Administration", "/admin"), Crumb("Sign-in", "/admin/sign-in"), Crumb(name, _at(name))]
        return [*found, Crumb(last)] if last else [*found[:-1], Crumb(name)]


def _tried(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: fields.get(name, "").strip() for name in _EMPTY}


def _wish(fields: Mapping[str, str], tried: Mapping[str, str]) -> Wish:
    return Wish(
        tried["issuer"],
        tried["client_id"],
        fields.get("secret") or None,
        tried["scopes"],
        tried["groups_claim"] or None,
        tried["name_claim"],
        tried["title"] or None,
        bool(tried["creates"]),
    )


def _of(provider: Provider) -> dict[str, str]:
    return {
        "name": provider.name,
        "title": provider.title or "",
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "scopes": provider.scopes,
        "groups_claim": provider.groups_claim or "",
        "name_claim": provider.name_claim,
        "creates": "1" if provider.creates else "",
    }


def _at(name: str) -> str:
    return f"/admin/sign-in/{urlpath(name)}"
