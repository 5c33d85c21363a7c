"""The settings of sign-in, times in microseconds."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.access.requirement import Required

_HOUR = 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class SigninSettings:
    """`idle`, `absolute`: when a browser session ends that nobody uses, and at the latest. `key_life`: how long the
    keys of a person hold after a sign-in, where the provider offers no way to ask again. `required`: of whom a second
    factor is required."""

    idle: int = 8 * _HOUR
    absolute: int = 24 * _HOUR
    key_life: int = 30 * 24 * _HOUR
    required: Required = Required.NONE
