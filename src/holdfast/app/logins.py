"""The ways of logging in, put together: passwords, keys, and the registry's own tokens."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from holdfast.access.accounts.login import PasswordLogin
from holdfast.access.keyring import load_key
from holdfast.access.keys.service import HASH_KEY, Keys, KeySettings, Recheck
from holdfast.access.master import MasterKey
from holdfast.access.password import PasswordChecker
from holdfast.access.request_limits import RequestLimits
from holdfast.access.service import Ways
from holdfast.access.throttle import Hold, Throttle, ThrottleSettings
from holdfast.access.tokens.keys import WRAPPING_KEY, SigningKeys
from holdfast.access.tokens.model import TokenSettings
from holdfast.access.tokens.refresh import HASHING_KEY, RefreshTokens
from holdfast.access.tokens.service import SEALING_KEY, Tokens
from holdfast.access.usage.watch import Watch
from holdfast.app.config import Settings
from holdfast.db.port import Database


@dataclass(frozen=True, slots=True)
class Logins:
    """The ways, and what has to be ended with them."""

    ways: Ways
    passwords: PasswordLogin
    keys: Keys
    checker: PasswordChecker

    def close(self) -> None:
        """End the password threads."""
        self.checker.close()


def token_settings(settings: Settings) -> TokenSettings:
    """How tokens are made. Nodes that clients reach by one URL take each other's."""
    service = settings.public_url.split("://", 1)[1] if settings.public_url is not None else "holdfast"
    tick = timedelta(microseconds=1)
    return TokenSettings(int(settings.tokens.ttl.total_seconds()), settings.tokens.refresh // tick, service)


def throttle_settings(settings: Settings) -> ThrottleSettings:
    """How failed log-ins are slowed down."""
    login = settings.login
    cap, forget, trust = (each.total_seconds() for each in (login.delay_max, login.forget, login.trust))
    return ThrottleSettings(login.failures, login.accounts, cap=cap, forget=forget, trust=trust)


def request_limits(settings: Settings) -> RequestLimits | None:
    """The limits of requests of this process, None: there are none."""
    limits = settings.limits
    return RequestLimits(limits.requests, limits.burst) if limits.requests else None


def key_settings(settings: Settings) -> KeySettings:
    """How keys are rotated, and how long a provider's word for their owners holds."""
    tick = timedelta(microseconds=1)
    return KeySettings(overlap=settings.login.key_overlap // tick, grace=settings.signin.grace // tick)


async def open_signing_keys(db: Database, master: MasterKey) -> SigningKeys:
    """The keys that sign tokens; the first one is made if there is none."""
    keys = SigningKeys(db, await load_key(db, master, WRAPPING_KEY))
    await keys.ensure()
    return keys


async def open_logins(
    db: Database, master: MasterKey, installation: str, settings: Settings, *, watch: Watch, recheck: Recheck
) -> Logins:
    """Every way of logging in to this installation. `recheck`: whether a provider still knows somebody."""
    tokens = token_settings(settings)
    signing = await open_signing_keys(db, master)
    checker = PasswordChecker()
    hold = Hold()
    limits = throttle_settings(settings)
    keys = Keys(
        db,
        await load_key(db, master, HASH_KEY),
        Throttle(limits, time.monotonic),
        hold,
        key_settings(settings),
        told=watch.login,
        recheck=recheck,
    )
    passwords = PasswordLogin(db, Throttle(limits, time.monotonic), checker, hold, told=watch.login)
    ways = Ways(
        passwords=passwords,
        keys=keys,
        tokens=Tokens(db, signing, await load_key(db, master, SEALING_KEY), installation, tokens),
        refresh=RefreshTokens(db, await load_key(db, master, HASHING_KEY), tokens),
        used=keys,
    )
    return Logins(ways, passwords, keys, checker)
