"""Scopes as languages: whether one lies inside others together, and whether two meet. Exact, and bounded in time.

A word is a repository name with a slash before each segment (`/team/app`) and, where tags matter, `:` and the tag. A
scope is a small automaton over such words: `*` is a loop inside a segment, `**` a loop over whole segments. Whether
names of a shape can exist (a segment of dashes alone) is not looked at, save that no segment is empty: so a scope never
seems to lie inside others when it does not, and never seems apart from one that it meets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from holdfast.access.policy.globs import RepositoryGlob, TagGlob

MOST_STATES = 10_000
"""More states than any sensible question visits: beyond it a scope counts as not inside, and as meeting."""
_MOST_TOGETHER = 64
"""Of how many scopes it is asked whether they hold another one together."""
_SLASH, _COLON, _OTHER = "/", ":", "\0"
_BEGIN, _OPENED, _NAME, _ASKED, _TAG = range(5)
_SHAPE = {
    (_BEGIN, _SLASH): _OPENED,
    (_OPENED, _OTHER): _NAME,
    (_NAME, _OTHER): _NAME,
    (_NAME, _SLASH): _OPENED,
    (_NAME, _COLON): _ASKED,
    (_ASKED, _OTHER): _TAG,
    (_TAG, _OTHER): _TAG,
}
"""The shape of words: no segment is empty, nor is the tag."""


class Scope(NamedTuple):
    """`REPO-GLOB[:TAG-GLOB]`; `tag` None: the repository as a whole."""

    repository: str
    tag: str | None = None

    @property
    def home(self) -> str:
        """The longest literal prefix of the repository glob; '': none."""
        return RepositoryGlob.parse(self.repository).home

    @property
    def everything(self) -> bool:
        """Whether it is all repositories with all that is in them."""
        return self.tag is None and RepositoryGlob.parse(self.repository).everything

    def __str__(self) -> str:
        return self.repository if self.tag is None else f"{self.repository}:{self.tag}"


class _Automaton(NamedTuple):
    """`steps`: for each state the pairs of what is read and where it leads; read is a character, or _OTHER for any that
    is neither a slash nor a colon. `first`: where it begins; `last`: where it accepts; `letters`: what it names."""

    steps: tuple[tuple[tuple[str, int], ...], ...]
    first: int
    last: frozenset[int]
    letters: frozenset[str]

    def after(self, states: Iterable[int], letter: str) -> frozenset[int]:
        """The states that reading `letter` leads to."""
        named = letter in (_SLASH, _COLON)
        return frozenset(
            target
            for state in states
            for read, target in self.steps[state]
            if read == letter or (read == _OTHER and not named)
        )


def below(path: str) -> Scope:
    """The scope of a path and everything below it; '' is everything."""
    return Scope(f"{path}/**" if path else "**")


def is_above(path: str, other: str) -> bool:
    """Whether `path` is `other` or an ancestor of it."""
    return not path or path == other or other.startswith(path + "/")


def inside(scope: Scope, others: Iterable[Scope], *, tags: bool) -> bool:
    """Whether every repository (with `tags`: every tag of every repository) of `scope` is in one of `others`."""
    home = scope.home
    others = list(others)
    if any(_plainly_inside(scope, home, other, tags=tags) for other in others):
        return True
    near = [other for other in others if _related(home, other.home)]
    together = [_automaton(other, tags=tags) for other in near[:_MOST_TOGETHER]]
    return bool(together) and _inside(_automaton(scope, tags=tags), together, _TAG if tags else _NAME)


def meet(scope: Scope, other: Scope, *, tags: bool) -> bool:
    """Whether some repository (with `tags`: some tag of some repository) is in both."""
    if not _related(scope.home, other.home):
        return False
    return _meet(_automaton(scope, tags=tags), _automaton(other, tags=tags), _TAG if tags else _NAME)


def _related(home: str, other: str) -> bool:
    return is_above(home, other) or is_above(other, home)


def _plainly_inside(scope: Scope, home: str, other: Scope, *, tags: bool) -> bool:
    """The usual cases, without a walk: equal globs, or all that is below a path."""
    if other.repository not in (scope.repository, "**"):
        path, _, rest = other.repository.rpartition("/")
        if rest != "**" or "*" in path or not is_above(path, home):
            return False
    return not tags or other.tag is None or TagGlob.parse(other.tag).covers(TagGlob.parse(scope.tag or "*"))


def _inside(mine: _Automaton, theirs: Sequence[_Automaton], whole: int) -> bool:
    """Whether every word of `mine` that ends in the shape `whole` is a word of one of `theirs`."""
    letters = mine.letters.union(*(each.letters for each in theirs))
    start = (mine.first, _BEGIN, tuple(frozenset({each.first}) for each in theirs))
    seen = {start}
    ahead = [start]
    while ahead:
        state, shape, sets = ahead.pop()
        accepted = any(found & each.last for found, each in zip(sets, theirs, strict=True))
        if state in mine.last and shape == whole and not accepted:
            return False
        for letter in letters:
            next_shape = _reshaped(shape, letter)
            targets = mine.after((state,), letter) if next_shape is not None else ()
            if next_shape is None or not targets:
                continue
            moved = tuple(each.after(found, letter) for found, each in zip(sets, theirs, strict=True))
            fresh = {(target, next_shape, moved) for target in targets} - seen
            seen |= fresh
            ahead.extend(fresh)
        if len(seen) > MOST_STATES:
            return False
    return True


def _meet(one: _Automaton, other: _Automaton, whole: int) -> bool:
    letters = one.letters | other.letters
    start = (one.first, other.first, _BEGIN)
    seen = {start}
    ahead = [start]
    while ahead:
        state, across, shape = ahead.pop()
        if state in one.last and across in other.last and shape == whole:
            return True
        for letter in letters:
            next_shape = _reshaped(shape, letter)
            if next_shape is None:
                continue
            mine, theirs = one.after((state,), letter), other.after((across,), letter)
            fresh = {(target, reached, next_shape) for target in mine for reached in theirs} - seen
            seen |= fresh
            ahead.extend(fresh)
        if len(seen) > MOST_STATES:
            return True
    return False


def _reshaped(shape: int, letter: str) -> int | None:
    return _SHAPE.get((shape, letter if letter in (_SLASH, _COLON) else _OTHER))


@lru_cache(4096)
def _automaton(scope: Scope, *, tags: bool) -> _Automaton:
    steps: list[list[tuple[str, int]]] = [[]]
    ends = {0}

    def state(come: Iterable[int], read: str) -> int:
        """A new state that reading `read` at any of `come` leads to."""
        steps.append([])
        for each in come:
            steps[each].append((read, len(steps) - 1))
        return len(steps) - 1

    def text(pattern: str) -> None:
        nonlocal ends
        for character in pattern:
            if character == "*":
                for each in ends:
                    steps[each].append((_OTHER, each))
            else:
                ends = {state(ends, character)}

    for segment in scope.repository.split("/"):
        opened = state(ends, _SLASH)
        if segment == "**":
            inner = state((opened,), _OTHER)
            steps[inner] += [(_OTHER, inner), (_SLASH, opened)]
            ends = ends | {inner}
        else:
            ends = {opened}
            text(segment)
    if tags:
        ends = {state(ends, _COLON)}
        text(scope.tag or "*")
    letters = {read for reads in steps for read, _ in reads}
    return _Automaton(
        tuple(tuple(dict.fromkeys(reads)) for reads in steps),
        0,
        frozenset(ends),
        frozenset(letters | {_SLASH, _COLON, _OTHER}),
    )
