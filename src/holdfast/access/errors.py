"""Refusals of `access`, by meaning."""

from __future__ import annotations


class Unauthenticated(Exception):
    """No credential, or one that is not good; the same for every cause."""


class Suspended(Unauthenticated):
    """The key is good, and suspended; the text says since when, why, and how that ends."""


class SecondFactorNeeded(Unauthenticated):
    """The password is right, and the account has a second factor, which is asked for at the sign-in page alone."""

    def __init__(self) -> None:
        super().__init__(
            "this account has a second factor: a password signs in with a browser only. Make a key at /me, and log in "
            "with it"
        )


class SecondFactorMissing(SecondFactorNeeded):
    """The password is right and does not suffice, for a second factor is required of the account, which has none."""

    def __init__(self) -> None:
        Unauthenticated.__init__(
            self,
            "this registry requires a second factor of this account, which has none: sign in with a browser and set it "
            "up; then make a key at /me, and log in with it",
        )


class WrongCode(Exception):
    """The code of a second factor is wrong, or was used before."""


class LogInInstead(Unauthenticated):
    """Too many requests without a credential came from this network: with one there is room."""


class Denied(Exception):
    """The subject is known and may not do this. The text is the reason, about the subject's own rights only; `detail`
    holds the action, the name asked for, and the rules that name the subject."""

    def __init__(self, reason: str, **detail: object) -> None:
        super().__init__(reason)
        self.detail = detail


class InsufficientScope(Exception):
    """The token was not asked for what is requested now. `scope`: what to ask for, as in the token specification."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"the token was not asked for {scope}")
        self.scope = scope


class Invalid(ValueError):
    """Input that cannot be: a name, a glob, a condition. `field`: which one."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class Unknown(LookupError):
    """There is no such thing in the caller's sight; the text names what was asked for."""


class Conflict(Exception):
    """The name is taken, or what is asked contradicts what is there; the text says how."""


class Changed(Exception):
    """What is to be changed is not any more what the caller looked at."""


class Throttled(Exception):
    """Too many failures from here: wait `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many failed log-ins: try again in {seconds} s")
        self.seconds = seconds


class TooManyRequests(Exception):
    """The limit of requests is reached: wait `seconds`. `limit` says whose it is; `instead`: what else helps."""

    def __init__(self, limit: str, seconds: int, instead: str = "") -> None:
        super().__init__(f"{limit}: go on in {seconds} s{instead}")
        self.seconds = seconds


class Busy(Exception):
    """Too many passwords are being checked; try again in a moment."""


class ProviderAway(Exception):
    """The provider that people sign in by does not answer."""


class StalePermit(Exception):
    """Accounts or rights changed since the permit was issued: decide again."""


class WrongMasterKey(Exception):
    """The master key does not open what the database holds."""


class MasterKeyAway(Exception):
    """The source of the master key does not answer, or refuses this installation; the text says which and why."""
