"""`/me`, put together of its parts: who one is, keys, sign-ins, the second factor."""

from __future__ import annotations

from holdfast.access.accounts.users import Users
from holdfast.access.keys.keychain import Keychain
from holdfast.access.signin.profile import Profiles
from holdfast.access.signin.second_factor import SecondFactors
from holdfast.access.tokens.sessions import Sessions as Tokens
from holdfast.console.me.account import AccountPages
from holdfast.console.me.factor import FactorPages
from holdfast.console.me.keys import KeyPages
from holdfast.console.me.sign_ins import SignInsPages
from holdfast.db.port import Database
from holdfast.web.frame import Frame
from holdfast.web.site import Route


def me_routes(
    frame: Frame,
    db: Database,
    *,
    profiles: Profiles,
    keys: Keychain,
    users: Users,
    factors: SecondFactors,
    tokens: Tokens,
) -> list[Route]:
    """Every route of `/me`."""
    return [
        *AccountPages(frame, profiles).routes(),
        *KeyPages(frame, db, keys).routes(),
        *SignInsPages(frame, users, factors, tokens).routes(),
        *FactorPages(frame, factors).routes(),
    ]
