"""Rights as patterns of SQL's `like`, so that a database passes over what nobody may be told of.

Promises: every name that is shown is like one of the patterns; what is like one and not shown is for `Shown.shows` to
tell. A pattern means the same to both engines: names have no capital letters, and `_`, which stands for any character,
only lets more through.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from holdfast.access.policy.decide import Rights, Shown
from holdfast.access.policy.model import Effect

SLOTS = 4
"""So many patterns a statement takes; of more it takes one that everything is like."""
ANY = "%"
_NONE = ""
_EVERYTHING = "**"


def likes(repositories: Shown) -> dict[str, str]:
    """The repositories that a subject may be told of: the parameters of a statement."""
    if repositories.everything:
        return _slots([_EVERYTHING])
    return _slots(glob.text for glob in repositories.globs()[0])


def likes_of_all(rights: Rights) -> dict[str, str]:
    """The paths at which a subject has any right at all: the parameters of a statement."""
    granted = [grant.repository for grant in rights.grants if grant.effect is Effect.ALLOW]
    return _slots(
        [*granted, *(f"{path}/**" if path else _EVERYTHING for path, open_ in rights.public.items() if open_)]
    )


def containing(text: str) -> str:
    """What every text is like that has `text` in it."""
    return f"%{_plain(text)}%" if text else ANY


def beginning(text: str) -> str:
    """What every text is like that begins with `text`."""
    return f"{_plain(text)}%"


def ending(text: str) -> str:
    """What every text is like that ends with `text`."""
    return f"%{_plain(text)}"


def _slots(globs: Iterable[str]) -> dict[str, str]:
    patterns = sorted({_like(glob) for glob in globs})
    if len(patterns) > SLOTS or any(not pattern.strip(ANY) for pattern in patterns):
        patterns = [ANY]
    return {f"like{n}": pattern for n, pattern in enumerate([*patterns, *[_NONE] * SLOTS][:SLOTS], 1)}


def _like(glob: str) -> str:
    runs = groupby(glob.split("/"), key=lambda segment: segment == _EVERYTHING)
    return "".join(ANY if wild else "/".join(run) for wild, run in runs).replace("*", ANY)


def _plain(text: str) -> str:
    """Without what PostgreSQL takes for the beginning of an escape."""
    return text.replace("\\", "_")
