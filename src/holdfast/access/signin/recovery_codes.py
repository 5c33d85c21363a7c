"""Recovery codes: what opens an account, each once, when the phone is gone. Pure."""

from __future__ import annotations

import secrets

MANY = 10
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letter that reads like another."""
_LENGTH = 12
_HALF = _LENGTH // 2
_READ_AS = str.maketrans("oil", "011", " -")


def new_codes() -> list[str]:
    """Fresh codes of 60 random bits, as they are shown."""
    found = ["".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)) for _ in range(MANY)]
    return [f"{code[:_HALF]}-{code[_HALF:]}" for code in found]


def plain_code(typed: str) -> str | None:
    """What was typed, as it is compared; None when it has not the form of a recovery code."""
    code = typed.lower().translate(_READ_AS)
    return code if len(code) == _LENGTH and set(code) <= set(_LETTERS) else None
