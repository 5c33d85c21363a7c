"""Who may do what, written down by hand: the table that the authorisation matrix holds the program against.

Nothing here comes from the program: roles and actions are words, and what a subject holds is decided by comparing
strings. A role or an action that the program has and this table has not fails a test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

_TABLE = """
                    reader writer maintainer owner auditor operator administrator
pull                yes    yes    yes        yes   -       -        yes
list                yes    yes    yes        yes   yes     yes      yes
create-tag          -      yes    yes        yes   -       -        yes
overwrite           -      yes    yes        yes   -       -        yes
sign                -      yes    yes        yes   -       -        yes
create-repository   -      yes    yes        yes   -       -        yes
delete-tag          -      -      yes        yes   -       -        yes
settings            -      -      yes        yes   -       -        yes
delete-repository   -      -      -          yes   -       -        yes
manage-access       -      -      -          yes   -       -        yes
read-audit          -      -      -          yes   yes     -        yes
operate             -      -      -          -     -       yes      yes
purge               -      -      -          -     -       -        yes
administer          -      -      -          -     -       -        yes
"""
_ROWS = [line.split() for line in _TABLE.strip().splitlines()]
ROLES = {role: frozenset(row[0] for row in _ROWS[1:] if row[1 + n] == "yes") for n, role in enumerate(_ROWS[0])}
"""Role -> its actions."""
ACTIONS = frozenset(row[0] for row in _ROWS[1:])
ABOUT_TAGS = frozenset({"pull", "create-tag", "overwrite", "delete-tag", "sign"})
"""Actions that a rule about tags confers; all others come from rules without a tag alone."""
PUSHING = ("create-tag", "overwrite", "sign")

Place = Callable[[str], bool]


class Rule(NamedTuple):
    """A rule that somebody holds: `where` says of a repository, `tag` of a tag (None: it is not about tags)."""

    actions: frozenset[str]
    where: Place
    tag: Callable[[str], bool] | None = None
    deny: bool = False


def below(namespace: str) -> Place:
    """Every repository of `namespace`."""
    return lambda repository: repository.startswith(namespace + "/")


def everywhere(_repository: str) -> bool:
    """Every repository."""
    return True


def begins(prefix: str) -> Callable[[str], bool]:
    """Tags that begin with `prefix`."""
    return lambda tag: tag.startswith(prefix)


def may(rules: tuple[Rule, ...], action: str, repository: str, tag: str) -> bool:
    """Whether somebody who holds `rules` may do `action` at `tag` of `repository`."""
    speaking = [
        rule
        for rule in rules
        if action in rule.actions
        and rule.where(repository)
        and (rule.tag is None or (action in ABOUT_TAGS and rule.tag(tag)))
    ]
    return bool(speaking) and not any(rule.deny for rule in speaking)
