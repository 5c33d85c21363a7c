"""Accounts as the management shows them. Times are microseconds since the epoch, by the database's clock; `changed` is
the policy version of the last change."""

from __future__ import annotations

from typing import NamedTuple


class User(NamedTuple):
    """A person. `disabled_at` None: enabled; `provider`: the sign-in that the person comes by, None: a password here;
    `groups_note`: how the provider's groups came last; `second_factor`: whether a code is asked for beside the
    password; `password_at`: when that was changed, None: it is the one that the user was made with; `made_by`: the
    actor, None: an older program."""

    id: int
    name: str
    description: str | None
    display: str | None
    provider: str | None
    groups_note: str | None
    has_password: bool
    second_factor: bool
    password_at: int | None
    made_at: int
    made_by: str | None
    signed_in_at: int | None
    disabled_at: int | None
    changed: int


class Robot(NamedTuple):
    """A machine of a namespace, called `NAMESPACE+NAME`. It has no password: it logs in by its keys, or by its
    issuer's token. `expires_at` None: never."""

    id: int
    name: str
    namespace: str
    description: str | None
    made_at: int
    made_by: str | None
    expires_at: int | None
    disabled_at: int | None
    changed: int


class Reset(NamedTuple):
    """A way back in: the new password, and what ended with the old one. `second_factor`: there was one; `disabled`: the
    account still is."""

    password: str
    keys: int
    tokens: int
    sessions: int
    second_factor: bool
    disabled: bool
