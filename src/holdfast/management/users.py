"""`/users`: people, their state and their passwords."""

from __future__ import annotations

from collections.abc import Container

from fastapi import Response
from pydantic import Field

from holdfast.access.accounts.model import User
from holdfast.access.accounts.users import Users
from holdfast.access.errors import Invalid, Unauthenticated
from holdfast.access.signin.second_factor import SecondFactors
from holdfast.api.caller import Asking
from holdfast.api.etag import Expected, mark
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Moment, Output, Segment

_PASSWORD_LIMIT = 1024


class UserView(Output):
    """A person. `provider`: the sign-in that the person comes by (null: a password here); `groups_note`: how the
    provider's groups came last; `second_factor`: whether a code is asked for beside the password;
    `second_factor_required`: whether it is required of this person, who without one sets it up first; `made_by`:
    null when an older version made the user."""

    subject: str
    name: str
    description: str | None
    display: str | None
    provider: str | None
    groups_note: str | None
    has_password: bool
    second_factor: bool
    second_factor_required: bool
    disabled: bool
    disabled_at: Moment | None
    made_at: Moment
    made_by: str | None
    signed_in_at: Moment | None


class NewUser(Input):
    """A user to be made. Without a password the user cannot log in until one is set."""

    name: str = Field(max_length=256)
    password: str | None = Field(None, max_length=_PASSWORD_LIMIT, description="At least 12 characters.")
    description: str | None = None
    display: str | None = Field(None, description="The name that people know the person by.")


class UserChange(Input):
    """What is to be changed; what is not named stays."""

    description: str | None = None
    display: str | None = None


class NewPassword(Input):
    """A new password. `old`: needed for one's own."""

    password: str = Field(max_length=_PASSWORD_LIMIT, description="At least 12 characters.")
    old: str | None = Field(None, max_length=_PASSWORD_LIMIT)


class UserHandlers:
    """The operations on users."""

    def __init__(self, users: Users, factors: SecondFactors) -> None:
        self._users = users
        self._factors = factors

    async def list_users(self, caller: Asking, paging: Paged) -> Page[UserView]:
        """List users by name: all for an administrator, oneself for everyone else."""
        found = await self._users.page(caller.who, after=paging.after_text(), limit=paging.fetch, origin=caller.origin)
        required = await self._users.factor_required(found)
        return paging.page(found, lambda user: user_view(user, required), lambda user: user.name)

    async def create_user(self, caller: Asking, new: NewUser, response: Response) -> UserView:
        """Make a user, without any right. For administrators."""
        made = await self._users.create(
            caller.who,
            new.name,
            password=new.password,
            description=new.description,
            display=new.display,
            origin=caller.origin,
        )
        return await self._answered(made, response)

    async def show_user(self, caller: Asking, name: Segment, response: Response) -> UserView:
        """Show one user: any to an administrator, oneself to everyone else."""
        return await self._answered(await self._users.get(caller.who, name, origin=caller.origin), response)

    async def change_user(
        self, caller: Asking, name: Segment, change: UserChange, expected: Expected, response: Response
    ) -> UserView:
        """Change what describes a user. For administrators."""
        before = await self._users.get(caller.who, name, origin=caller.origin)
        given = change.model_fields_set
        user = await self._users.describe(
            caller.who,
            name,
            description=change.description if "description" in given else before.description,
            display=change.display if "display" in given else before.display,
            expected=before.changed if expected is None else expected,
            origin=caller.origin,
        )
        return await self._answered(user, response)

    async def delete_user(self, caller: Asking, name: Segment) -> None:
        """Delete a user with keys, sessions, memberships and the grants that name it. For administrators.

        The name stays reserved for ever. The last administrator stays.
        """
        await self._users.delete(caller.who, name, origin=caller.origin)

    async def disable_user(self, caller: Asking, name: Segment, response: Response) -> UserView:
        """Refuse a user from the next request on, by whatever credential. For administrators."""
        return await self._answered(await self._users.disable(caller.who, name, origin=caller.origin), response)

    async def enable_user(self, caller: Asking, name: Segment, response: Response) -> UserView:
        """Let a disabled user in again, with the rights and keys of before. For administrators."""
        return await self._answered(await self._users.enable(caller.who, name, origin=caller.origin), response)

    async def set_password(self, caller: Asking, name: Segment, new: NewPassword) -> None:
        """Set a password: one's own with the old one, anybody's as an administrator. Sessions end, keys stay."""
        own = caller.who.subject.actor == f"user:{name}"
        if own and new.old is None:
            raise Invalid("old", "give the old password to change your own")
        if new.old is None or not own:
            await self._users.set_password(caller.who, name, new.password, origin=caller.origin)
            return
        try:
            await self._users.change_own_password(caller.who, new.old, new.password, origin=caller.origin)
        except Unauthenticated as error:
            raise Invalid("old", "this is not your password") from error

    async def reset_second_factor(self, caller: Asking, name: Segment) -> None:
        """Take the second factor away from a user who lost it. For administrators; one's own is disabled in the
        browser, at /me."""
        await self._factors.reset(caller.who, name, origin=caller.origin)

    async def _answered(self, user: User, response: Response) -> UserView:
        mark(response, user.changed)
        return user_view(user, await self._users.factor_required([user]))


def user_view(user: User, required: Container[int]) -> UserView:
    """A user as the API shows it. `required`: the ids of those of whom a second factor is required."""
    return UserView(
        subject=f"user:{user.name}",
        name=user.name,
        description=user.description,
        display=user.display,
        provider=user.provider,
        groups_note=user.groups_note,
        has_password=bool(user.has_password),
        second_factor=bool(user.second_factor),
        second_factor_required=user.id in required,
        disabled=user.disabled_at is not None,
        disabled_at=user.disabled_at,
        made_at=user.made_at,
        made_by=user.made_by,
        signed_in_at=user.signed_in_at,
    )


def user_routes(users: Users, factors: SecondFactors) -> Routes:
    """The routes of `/users`."""
    on = UserHandlers(users, factors)
    return routes(
        "/users",
        "users",
        Route("GET", "", on.list_users),
        Route("POST", "", on.create_user, 201),
        Route("GET", "/{name}", on.show_user),
        Route("PATCH", "/{name}", on.change_user),
        Route("DELETE", "/{name}", on.delete_user, 204),
        Route("POST", "/{name}/disable", on.disable_user),
        Route("POST", "/{name}/enable", on.enable_user),
        Route("PUT", "/{name}/password", on.set_password, 204),
        Route("DELETE", "/{name}/second-factor", on.reset_second_factor, 204),
    )
