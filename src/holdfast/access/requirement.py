"""Of whom a second factor is required beside the password (`signin.second_factor_required`)."""

from __future__ import annotations

from enum import StrEnum

from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import Action


class Required(StrEnum):
    """Of whom it is. It is of people who sign in by a password here: keys, robots, and who comes from a provider, are
    not asked."""

    NONE = "none"
    ADMINISTRATORS = "administrators"
    EVERYONE = "everyone"

    def of(self, rights: Rights, now: int) -> bool:
        """Whether it is of the holder of `rights`. Who may administer at some hours, or from some places, is an
        administrator. `now`: microseconds."""
        if self is Required.ADMINISTRATORS:
            return rights.ever(Action.ADMINISTER, now)
        return self is Required.EVERYONE
