"""Why a machine's token is not taken."""

from __future__ import annotations


class TokenRefused(Exception):
    """The token is not believed, or is nobody's here. The text says why: for the audit and for who manages the rules,
    never for who sent it. It holds nothing of the token but its claims' names."""


class KeysAway(Exception):
    """The keys of an issuer cannot be had; the text says why, to an administrator."""
