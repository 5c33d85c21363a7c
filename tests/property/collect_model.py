"""The reference model of the collector's machine: what must be kept at a moment, and what may stay at most.

It knows times: what was told to be here is kept for a lease, what lost its tag or was deleted for the window. It knows
nothing of candidates or orphans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.property.registry_model import UNIVERSE

from holdfast.oci.name import Tag, signed_digest

NAMES = {piece.digest: name for name, piece in UNIVERSE.items()}
SIGNATURE_TAG = Tag(UNIVERSE["image"].digest.replace(":", "-") + ".sig")


@dataclass
class Shown:
    """Content of a repository. `gone_at`: when it was deleted; `held`: until when it was promised whatever happens;
    `kept_parts`: whether it was ever put as a manifest since it came."""

    manifest: bool = False
    gone_at: int | None = None
    held: int = 0
    kept_parts: bool = False


@dataclass
class Shelf:
    """One repository: what it shows and remembers, and its times (microseconds)."""

    window: int
    lease: int
    links: dict[str, Shown] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    lost: list[tuple[str, int]] = field(default_factory=list)
    past: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """What the tags were, from each moment on at which any of them moved."""

    # -- what happens to it ----------------------------------------------------------------------------------------

    def show(self, name: str, now: int) -> None:
        """Whoever pushes was told that the content is here: by an upload, a mount or HEAD."""
        link = self.links.setdefault(name, Shown())
        if link.gone_at is not None:
            link.gone_at, link.manifest = None, False
        link.held = max(link.held, now + self.lease)

    def put(self, name: str, tags: Iterable[str], now: int) -> None:
        """A manifest was pushed."""
        link = self.links.setdefault(name, Shown())
        link.gone_at, link.manifest, link.kept_parts = None, True, True
        roots = [tag for tag in tags if signed_digest(Tag(tag)) is None]
        if not roots:
            link.held = max(link.held, now + max(self.window, self.lease))
        for tag in tags:
            self.point(tag, name, now)

    def point(self, tag: str, name: str | None, now: int) -> None:
        """A tag moves, or ends."""
        was = self.tags.pop(tag, None)
        if was is not None and was != name:
            self.lost.append((was, now))
        if name is not None:
            self.tags[tag] = name
        self.past.append((now, dict(self.tags)))

    def bury(self, name: str, now: int) -> None:
        """A manifest or blob was deleted."""
        for tag in [tag for tag, target in self.tags.items() if target == name]:
            self.point(tag, None, now)
        link = self.links[name]
        link.gone_at, link.held = now, 0

    def restore(self, name: str, now: int) -> None:
        """What was deleted is shown again, without a tag."""
        link = self.links[name]
        link.gone_at, link.held = None, now + max(self.window, self.lease)

    def forget(self, name: str) -> None:
        """The collector took it."""
        del self.links[name]
        self.tags = {tag: target for tag, target in self.tags.items() if target != name}

    # -- what it shows ---------------------------------------------------------------------------------------------

    def is_live(self, name: str) -> bool:
        return name in self.links and self.links[name].gone_at is None

    def is_manifest(self, name: str) -> bool:
        return self.is_live(name) and self.links[name].manifest

    def missing(self, name: str) -> set[str]:
        """What a push of the manifest `name` must be refused for."""
        return set() if self.is_manifest(name) else {part for part in UNIVERSE[name].parts if not self.is_live(part)}

    def at(self, moment: int) -> dict[str, str]:
        """What the tags were at a moment."""
        return next((tags for since, tags in reversed(self.past) if since <= moment), {})

    def users(self, name: str) -> set[str]:
        """The live manifests that name `name` as a part."""
        return {other for other in self.links if self.is_manifest(other) and name in UNIVERSE[other].parts}

    # -- what must stay, and what may -------------------------------------------------------------------------------

    def protected(self, now: int) -> set[str]:
        """What the collector may not take at `now`: it is promised, or it is below something that is."""
        roots = {name for tag, name in self.tags.items() if signed_digest(Tag(tag)) is None}
        roots |= {name for name, at in self.lost if now < at + self.window}
        for name, link in self.links.items():
            if now < link.held or (link.gone_at is not None and now < link.gone_at + self.window):
                roots.add(name)
        return self._below(roots, lambda link: link.manifest)

    def reachable(self) -> set[str]:
        """What may stay when all times have passed: what tags reach."""
        roots = {name for tag, name in self.tags.items() if signed_digest(Tag(tag)) is None}
        return self._below(roots, lambda link: link.kept_parts)

    def below(self, name: str) -> set[str]:
        """Everything that `name` keeps, itself included."""
        return self._below({name}, lambda link: link.kept_parts)

    def _below(self, roots: set[str], keeps: Callable[[Shown], bool]) -> set[str]:
        found: set[str] = set()
        left = list(roots)
        while left:
            name = left.pop()
            if name in found or name not in self.links:
                continue
            found.add(name)
            if keeps(self.links[name]):
                left += UNIVERSE[name].parts
                left += [other for other, link in self.links.items() if UNIVERSE[other].subject == name and keeps(link)]
                left += [
                    target for tag, target in self.tags.items() if signed_digest(Tag(tag)) == UNIVERSE[name].digest
                ]
        return found
