"""What a caller may see of the tree of paths.

Promises: a path is in sight when it may be told as a repository, when its settings may be changed on the whole of it,
or when a repository that is really there below it may be told; so nothing is learnt of a path of which nothing may be
told. What is out of sight is answered in the words for what is not there.
"""

from __future__ import annotations

from holdfast.access.errors import Invalid, Unknown
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action
from holdfast.db.port import Reader
from holdfast.oci.errors import NameInvalid
from holdfast.oci.name import RepositoryName
from holdfast.registry.namespaces import store
from holdfast.registry.reach.spans import EVERYWHERE, Span, below, shown

_FIRST, _PAGE = 20, 500


async def sees(reader: Reader, permit: PathPermit, path: str) -> bool:
    """Whether anything at or below `path` ('': anything at all) is in the caller's sight."""
    if path and permit.shows(path):
        return True
    if not permit.lacks(Action.SETTINGS, path):
        return True
    return await first_shown(reader, permit, path) is not None


async def first_shown(reader: Reader, permit: PathPermit, path: str, *, inside: bool = False) -> str | None:
    """The first repository at or below `path` (`inside`: only below it) that the caller may be told of; None: there is
    none."""
    wanted = shown(permit.rights.shown(permit.here))
    there = spans_of(path)
    for span in spans_within(wanted.spans, there[1:] if inside and path else there):
        after, size = "", _FIRST
        while True:
            rows = await reader.all(store.PATHS, low=span.low, high=span.high, after=after, limit=size)
            for row in rows:
                if wanted.matches(row.path):
                    return row.path
            if len(rows) < size:
                break
            after, size = rows[-1].path, _PAGE
    return None


async def require_sight(reader: Reader, permit: PathPermit, path: str) -> None:
    """Raise `Unknown` unless something at or below `path` is in the caller's sight."""
    if not await sees(reader, permit, path):
        raise unknown(path)


def unknown(path: str) -> Unknown:
    """What to say of a path that is not there, or hidden."""
    return Unknown(f"there is no {path[:128]!r} in your sight")


def checked(path: str, field: str = "path") -> str:
    """`path`, if it is '' or can be the name of a repository or namespace. Raises `Invalid`."""
    if path:
        named(path, field)
    return path


def named(path: str, field: str = "path") -> RepositoryName:
    """`path` as a name. Raises `Invalid`."""
    try:
        return RepositoryName.parse(path)
    except NameInvalid as error:
        raise Invalid(field, error.reason) from error


def spans_of(path: str) -> tuple[Span, ...]:
    """Where a path and all that is below it stand among the names of repositories."""
    return below(path) if path else (EVERYWHERE,)


def spans_within(spans: tuple[Span, ...], others: tuple[Span, ...]) -> list[Span]:
    """What is in both, sorted."""
    found = [
        Span(max(one.low, other.low), min(one.high, other.high))
        for one in spans
        for other in others
        if max(one.low, other.low) < min(one.high, other.high)
    ]
    return sorted(found)
