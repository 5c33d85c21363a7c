"""Providers, people and browser sessions as values."""

from __future__ import annotations

from typing import NamedTuple


class Provider(NamedTuple):
    """An OpenID Connect provider as administrators see it; its secret is not shown. `groups_claim` None: its groups
    are not read. `creates`: whether a first sign-in makes an account. `title`: what the sign-in page calls it."""

    id: int
    name: str
    issuer: str
    client_id: str
    has_secret: bool
    scopes: str
    groups_claim: str | None
    name_claim: str
    title: str | None
    creates: bool
    made_at: int
    made_by: str
    changed: int

    @property
    def label(self) -> str:
        """What people read."""
        return self.title or self.name


class Wish(NamedTuple):
    """What an administrator asks a provider to be. `secret` None: a public client; when changing: the one it has."""

    issuer: str
    client_id: str
    secret: str | None = None
    scopes: str = "openid profile email"
    groups_claim: str | None = "groups"
    name_claim: str = "preferred_username"
    title: str | None = None
    creates: bool = True


class Check(NamedTuple):
    """One thing that was tried of a provider, whether it is as it should be, and what was found."""

    name: str
    ok: bool
    found: str


class Person(NamedTuple):
    """Whom a provider vouches for: its own immutable id, the name it proposes, and the groups, None with a `note` when
    they could not be had."""

    subject: str
    name: str
    display: str
    groups: tuple[str, ...]
    note: str


class SignedIn(NamedTuple):
    """A sign-in that worked: the cookie of the new session and where to go on."""

    account_id: int
    name: str
    cookie: str
    next: str


class Session(NamedTuple):
    """A browser session. `key` names it in lists; `until`: when it ends if it is not used, at the latest its end;
    `keys_until`: when the person has to sign in again for keys to hold, None: the provider is asked instead. `bare`: a
    password alone is behind it, for the account has no second factor."""

    key: str
    account_id: int
    name: str
    display: str
    method: str
    made_at: int
    seen_at: int
    until: int
    address: str
    agent: str
    groups_note: str
    from_provider: bool
    keys_until: int | None
    bare: bool = False
