"""What a plan is made of."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple


class PlanState(IntEnum):
    """Where a plan stands; the number stands in `retention_plan.state`."""

    MAKING = 0
    READY = 1
    APPLYING = 2
    APPLIED = 3


class Cause(StrEnum):
    """Why a plan was made."""

    ASKED = "asked"
    SCHEDULE = "schedule"
    PUSH = "push"


class Outcome(IntEnum):
    """What became of an item; the number stands in `retention_item.outcome`."""

    WAITING = 0
    DONE = 1
    SKIPPED = 2


class Item(NamedTuple):
    """A tag (`name`), or an untagged manifest (`name` ''), of a plan. `digest` '': it was collected since. `bytes`:
    what its going frees, in its repository, once the history window is over."""

    repository: str
    name: str
    digest: str
    pushed_at: int
    drop: bool
    rule: str
    reason: str
    bytes: int
    outcome: Outcome
    skipped: str
