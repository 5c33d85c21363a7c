"""`/keys`: the keys of users and robots. A secret is in the answer that made it, and in no other."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from holdfast.access.errors import Invalid
from holdfast.access.keys.keychain import Keychain
from holdfast.access.keys.model import Asked, Key, NewKey
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Input, Moment, Output, Segment
from holdfast.management.shape import BoundView, bound_views

ME = "me"
"""In place of an owner: the caller."""
_MOST_SECONDS = 366 * 86_400
_Owner = Annotated[
    Segment, Path(description="`user:NAME`, `robot:NAMESPACE+NAME`, or `me`; `/` in it is written `~1`.")
]


_AN_HOUR = 3600


class SecretView(Output):
    """A live secret of a key, told by its last characters. `used_at`: its last use, up to a minute late."""

    hint: str
    made_at: Moment
    expires_at: Moment | None
    used_at: Moment | None
    used_from: str | None
    used_agent: str | None


class KeyView(Output):
    """A key. `bounds` null: all that its owner may; `suspended_at`: since when it is refused, null: it is not;
    `slowed_until`: until when it may make few requests a minute; `secrets`: the live ones, the newest first."""

    id: int
    owner: str
    name: str
    bounds: list[BoundView] | None
    made_at: Moment
    made_by: str
    expires_at: Moment | None
    suspended_at: Moment | None
    suspended_by: str | None
    suspended_why: str | None
    slowed_until: Moment | None
    secrets: list[SecretView]


class NewKeyView(Output):
    """A key and its new secret, which is shown this once."""

    key: KeyView
    secret: str


class GivenBound(Input):
    """What the key may at most: a role or actions, in repositories and at tags of these globs."""

    repository: str = Field(max_length=255)
    tag: str | None = Field(None, max_length=128)
    role: str | None = Field(None, max_length=128)
    actions: list[Annotated[str, Field(max_length=64)]] = Field(default_factory=list, max_length=64)


class GivenKey(Input):
    """A key to be made. `owner` null: the caller; `bounds` null: all that the owner may; `expires_at` null: never."""

    name: str = Field(max_length=256)
    owner: str | None = Field(None, max_length=400, description="`user:NAME` or `robot:NAMESPACE+NAME`.")
    bounds: list[GivenBound] | None = Field(None, max_length=100)
    expires_at: GivenMoment | None = None


class Rotation(Input):
    """`overlap`: for how many seconds the secret until now lives on; null: as is set."""

    overlap: int | None = Field(None, ge=0, le=_MOST_SECONDS)


class Suspension(Input):
    """`reason`: what the holder of the key is told."""

    reason: str = Field("", max_length=300)


class Slowing(Input):
    """For how long a key is slowed, and why."""

    seconds: int = Field(_AN_HOUR, ge=1, le=30 * 86400)
    reason: str = Field("", max_length=300)


class KeyHandlers:
    """The operations on keys."""

    def __init__(self, keys: Keychain) -> None:
        self._keys = keys

    async def list_keys(
        self,
        caller: Asking,
        paging: Paged,
        owner: Annotated[str, Query(max_length=400, description="`user:NAME`, `robot:NAMESPACE+NAME`, or `me`.")] = ME,
    ) -> Page[KeyView]:
        """List the keys of an account: one's own, a robot's for who manages its namespace, any for administrators."""
        found = await self._keys.page(
            caller.who, owner=_owner(owner), after=paging.after_number(), limit=paging.fetch, origin=caller.origin
        )
        return paging.page(found, key_view, lambda key: key.id)

    async def create_key(self, caller: Asking, new: GivenKey) -> NewKeyView:
        """Make a key; the answer holds its secret, this once. For oneself, or for a robot that one could be."""
        bounds = None
        if new.bounds is not None:
            bounds = [Asked(each.repository, each.role, tuple(each.actions), each.tag) for each in new.bounds]
        made = await self._keys.create(
            caller.who,
            new.name,
            owner=_owner(new.owner) if new.owner is not None else None,
            bounds=bounds,
            expires_at=new.expires_at,
            origin=caller.origin,
        )
        return _shown(made)

    async def show_key(self, caller: Asking, owner: _Owner, name: Segment) -> KeyView:
        """Show one key, by its owner and its name."""
        return key_view(await self._keys.get(caller.who, name, owner=_owner(owner), origin=caller.origin))

    async def rotate_key(
        self, caller: Asking, owner: _Owner, name: Segment, rotation: Rotation | None = None
    ) -> NewKeyView:
        """Give a key a second secret, which the answer holds, this once; the one until now lives on for a while."""
        overlap = rotation.overlap if rotation is not None else None
        made = await self._keys.rotate(
            caller.who,
            name,
            owner=_owner(owner),
            overlap=overlap * 1_000_000 if overlap is not None else None,
            origin=caller.origin,
        )
        return _shown(made)

    async def finish_key(self, caller: Asking, owner: _Owner, name: Segment) -> KeyView:
        """End all secrets of a key but the newest, now."""
        return key_view(await self._keys.finish(caller.who, name, owner=_owner(owner), origin=caller.origin))

    async def revoke_key(self, caller: Asking, owner: _Owner, name: Segment) -> None:
        """End a key, and what was made of it."""
        await self._keys.revoke(caller.who, name, owner=_owner(owner), origin=caller.origin)

    async def suspend_key(
        self, caller: Asking, owner: _Owner, name: Segment, given: Suspension | None = None
    ) -> KeyView:
        """Refuse a key until it is resumed; nothing of it is lost."""
        why = given.reason if given is not None else ""
        return key_view(await self._keys.suspend(caller.who, name, why, owner=_owner(owner), origin=caller.origin))

    async def slow_key(self, caller: Asking, owner: _Owner, name: Segment, given: Slowing | None = None) -> KeyView:
        """Let a key make ten requests a minute only, in each worker process, for a while; resuming it ends that."""
        seconds, why = (given.seconds, given.reason) if given is not None else (_AN_HOUR, "")
        changed = await self._keys.slow(
            caller.who,
            name,
            why,
            span=seconds * 1_000_000,
            owner=_owner(owner),
            origin=caller.origin,
        )
        return key_view(changed)

    async def resume_key(self, caller: Asking, owner: _Owner, name: Segment) -> KeyView:
        """Let a key that is suspended or slowed be used as before."""
        return key_view(await self._keys.resume(caller.who, name, owner=_owner(owner), origin=caller.origin))


def key_view(key: Key) -> KeyView:
    """A key as the API shows it: no secret."""
    return KeyView(
        id=key.id,
        owner=key.owner,
        name=key.name,
        bounds=bound_views(key.bounds),
        made_at=key.made_at,
        made_by=key.made_by,
        expires_at=key.expires_at,
        suspended_at=key.suspended_at,
        suspended_by=key.suspended_by,
        suspended_why=key.suspended_why,
        slowed_until=key.slowed_until,
        secrets=[SecretView.model_validate(each) for each in key.secrets],
    )


def _shown(made: NewKey) -> NewKeyView:
    return NewKeyView(key=key_view(made.key), secret=made.secret)


def _owner(text: str) -> str | None:
    if text == ME:
        return None
    if not text.startswith(("user:", "robot:")):
        raise Invalid("owner", "an owner is user:NAME, robot:NAMESPACE+NAME, or me")
    return text


def key_routes(keys: Keychain) -> Routes:
    """The routes of `/keys`."""
    on = KeyHandlers(keys)
    return routes(
        "/keys",
        "keys",
        Route("GET", "", on.list_keys),
        Route("POST", "", on.create_key, 201),
        Route("GET", "/{owner}/{name}", on.show_key),
        Route("DELETE", "/{owner}/{name}", on.revoke_key, 204),
        Route("POST", "/{owner}/{name}/rotate", on.rotate_key),
        Route("POST", "/{owner}/{name}/finish", on.finish_key),
        Route("POST", "/{owner}/{name}/suspend", on.suspend_key),
        Route("POST", "/{owner}/{name}/slow", on.slow_key),
        Route("POST", "/{owner}/{name}/resume", on.resume_key),
    )
