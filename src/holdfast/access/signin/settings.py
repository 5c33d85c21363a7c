"""The settings of sign-in, in microseconds."""

from __future__ import annotations

from dataclasses import dataclass

_HOUR = 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class SigninSettings:
    """`idle`, `absolute`: when a browser session ends that nobody uses, and at the latest. `key_life`: how long the
    keys of a person hold after a sign-in, where the provider offers no way to ask again."""

    idle: int = 8 * _HOUR
    absolute: int = 24 * _HOUR
    key_life: int = 30 * 24 * _HOUR
