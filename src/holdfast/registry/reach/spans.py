"""Rights as ranges of the names of tags and repositories, which an index can be asked for.

Promises: every name that is wanted lies in one of the spans; what lies in a span and is not wanted is for `matches` to
tell. Spans are sorted and do not overlap. Names are compared bytewise, as both engines store them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from holdfast.access.policy.decide import Shown, TagRights
from holdfast.access.policy.globs import TagGlob
from holdfast.oci.name import signed_digest

_ABOVE = "\x7f"  # sorts after every character of a tag
_NEXT = "\x01"  # sorts before every character of a tag


class Span(NamedTuple):
    """Names from `low` on, before `high`."""

    low: str
    high: str


class Wanted(NamedTuple):
    """Which names are looked for: those that `matches` says, all of them inside `spans`."""

    matches: Callable[[str], bool]
    spans: tuple[Span, ...]

    def slots(self, count: int) -> tuple[Span, ...]:
        """The spans as `count` of them: the last ones as one that covers them, or empty ones added."""
        spans = self.spans
        if len(spans) > count:
            spans = (*spans[: count - 1], Span(spans[count - 1].low, spans[-1].high))
        return (*spans, *[NOWHERE] * (count - len(spans)))


EVERYWHERE = Span("", _ABOVE)
NOWHERE = Span("", "")
SIGNATURES = Span("sha256-", "sha256.")
"""Where all tags lie that belong to a digest; few others do."""


def allowed(tags: TagRights) -> Wanted:
    """The tags at which an action is allowed."""
    return Wanted(tags.allows, tuple(_allowed(tags, _around, _inside)))


def refused(tags: TagRights) -> Wanted:
    """The tags at which it is not."""
    return Wanted(lambda tag: not tags.allows(tag), tuple(_without([EVERYWHERE], _allowed(tags, _inside, _around))))


def listed(tags: TagRights) -> Wanted:
    """The tags that a reader may be told of, who is not told of those that belong to a digest."""
    return allowed(tags)._replace(matches=lambda tag: tags.allows(tag) and signed_digest(tag) is None)


def shown(repositories: Shown) -> Wanted:
    """The repositories that a subject may be told of."""
    paths = repositories.prefixes()
    spans = [EVERYWHERE] if paths is None else sorted(span for path in paths for span in below(path))
    return Wanted(repositories.shows, tuple(spans))


ANY = Wanted(lambda _tag: True, (EVERYWHERE,))


def after(spans: Iterable[Span], last: str) -> list[Span]:
    """What of `spans` follows the name `last`."""
    return _without(spans, [Span("", last + _NEXT)])


def below(path: str) -> tuple[Span, Span]:
    """Where a repository, and those below it, stand among all names."""
    return Span(path, path + _NEXT), Span(path + "/", path + "0")


def roots(wanted: Wanted) -> Wanted:
    """Without the range of the tags that belong to a digest: those lead to it and are never where a way begins."""
    return wanted._replace(spans=tuple(_without(wanted.spans, [SIGNATURES])))


def _around(glob: TagGlob) -> list[Span]:
    """A span that holds every match."""
    return [Span(glob.prefix, glob.prefix + (_ABOVE if "*" in glob.text else _NEXT))]


def _inside(glob: TagGlob) -> list[Span]:
    """A span that holds nothing but matches."""
    return _around(glob) if glob.text.rstrip("*") == glob.prefix else []


def _allowed(
    tags: TagRights, granted: Callable[[TagGlob], list[Span]], denied: Callable[[TagGlob], list[Span]]
) -> list[Span]:
    found = [EVERYWHERE]
    for globs in tags.both:
        found = _within(found, _union(span for glob in globs for span in granted(glob)))
    return _without(found, _union(span for glob in tags.deny for span in denied(glob)))


def _union(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.low <= found[-1].high:
            found[-1] = Span(found[-1].low, max(found[-1].high, span.high))
        else:
            found.append(span)
    return found


def _without(spans: Iterable[Span], cuts: Iterable[Span]) -> list[Span]:
    found = list(spans)
    for cut in cuts:
        left = [Span(span.low, min(span.high, cut.low)) for span in found]
        right = [Span(max(span.low, cut.high), span.high) for span in found]
        found = sorted(span for span in (*left, *right) if span.low < span.high)
    return found


def _within(spans: list[Span], others: list[Span]) -> list[Span]:
    return _without(spans, _without([EVERYWHERE], others))
