"""Which images an export is to hold: what people name, now or as it stood at an instant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from holdfast.cli.audit import past
from holdfast.cli.client import Client
from holdfast.cli.exchange.copying import CopyError, Source, closure
from holdfast.cli.exchange.reference import parse_reference
from holdfast.cli.exchange.wire import Remote

_BELOW = "/**"


class Wanted(NamedTuple):
    """One image that is wanted: its repository, what it is found by (tag or digest), and its tag ('': none). `whole`:
    all of the repository was asked for."""

    repository: str
    reference: str
    tag: str
    whole: bool


class Instants(NamedTuple):
    """Between which instants (RFC 3339): what was there at `since` is left out; `until`: instead of now."""

    since: str | None
    until: str | None

    @classmethod
    def of(cls, since: str | None, until: str | None) -> Instants:
        """From what people write: `7d` is so long ago. Raises `click.BadParameter`."""
        return cls(past(since) if since else None, past(until) if until else None)


def resolve(client: Client, remote: Remote, named: Iterable[str], pattern: str, instants: Instants) -> list[Wanted]:
    """The images that targets name, each once, by repository. Raises `CopyError` for a target that names none."""
    found: dict[tuple[str, str, str], Wanted] = {}
    for text in named:
        images = list(_images(client, remote, text, pattern, instants.until))
        if not images and instants.since is None:
            said = f" with a tag like {pattern}" if pattern != "*" else ""
            raise CopyError(f"{text} names no image that is there{said}")
        for image in images:
            found.setdefault(image[:3], image)
    return sorted(found.values())


def _images(client: Client, remote: Remote, text: str, pattern: str, until: str | None) -> Iterator[Wanted]:
    if text.endswith(_BELOW) or text == "**":
        path = text.removesuffix("**")
        for repository in remote.repositories():
            if repository.startswith(path) or repository == path.rstrip("/"):
                yield from _tags(client, remote, repository, pattern, until)
        return
    reference = parse_reference(text, local=True)
    if reference.host:
        raise CopyError(f"{text} is of another registry: `holdfast import` brings it here first")
    if not reference.named:
        yield from _tags(client, remote, reference.repository, pattern, until)
    elif reference.digest is not None or until is None:
        yield Wanted(reference.repository, reference.named, str(reference.tag or ""), whole=False)
    else:
        then = standing(client, reference.repository, until)
        if reference.tag in then:
            yield Wanted(reference.repository, then[reference.tag], reference.tag, whole=False)


def _tags(client: Client, remote: Remote, repository: str, pattern: str, until: str | None) -> Iterator[Wanted]:
    if until is None:
        for tag in remote.tags(repository):
            if fnmatchcase(tag, pattern):
                yield Wanted(repository, tag, tag, whole=True)
        return
    for tag, digest in standing(client, repository, until).items():
        if fnmatchcase(tag, pattern):
            yield Wanted(repository, digest, tag, whole=True)


def standing(client: Client, repository: str, at: str) -> dict[str, str]:
    """The tags of a repository as they stood at an instant, as far as what they pointed to can still be pulled."""
    pages = client.pages("/history/tags", repository=repository, at=at)
    return {str(each["tag"]): str(each["digest"]) for each in pages if each["stored"]}


def base_of(client: Client, source: Source, repository: str, since: str) -> tuple[dict[str, str], frozenset[str]]:
    """The tags of a repository at an instant, and the digests of all that they needed: what an export since then leaves
    out. What referred to them is not among it, for nobody knows since when it did."""
    tags = standing(client, repository, since)
    known: set[str] = set()
    for digest in dict.fromkeys(tags.values()):
        if digest not in known:
            for node in closure(source, digest, referrers=False).nodes:
                known.add(node.digest)
                known.update(part.digest for part in node.manifest.blobs)
    return tags, frozenset(known)
