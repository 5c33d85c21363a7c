"""Why a sign-in did not work."""

from __future__ import annotations


class SignInFailed(Exception):
    """The sign-in was refused. The text is for the log; the page says one sentence for all causes, unless `shown`
    says what the person can do."""

    def __init__(self, reason: str, shown: str = "") -> None:
        super().__init__(reason)
        self.shown = shown


class ProviderRefused(Exception):
    """The provider answered that the grant (a code, a refresh token) holds no more."""
