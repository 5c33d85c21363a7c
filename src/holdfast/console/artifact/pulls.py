"""Who pulled an artifact, as rows: for those who may read the audit of its repository."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.usage.model import DAY
from holdfast.access.usage.service import Puller
from holdfast.registry.details.looking import Looked

DAYS = 30


class Row(NamedTuple):
    """Somebody who pulled with one client from one network. `platforms`: of the images that he pulled by digest."""

    subject: str
    agent: str
    network: str
    platforms: tuple[str, ...]
    times: int
    last_at: int


def references(looked: Looked, tag: str) -> list[str]:
    """What an artifact is pulled by: its tag, its digest, those of its images."""
    return [*([tag] if tag else []), str(looked.digest), *(part.digest for part in looked.parts)]


def rows(looked: Looked, tag: str, found: Sequence[Puller]) -> list[Row]:
    """The rows of a page. What came by the tag or the digest of the artifact counts as a pull of it; who only came by
    the digests of its images, by those."""
    platforms = {part.digest: part.platform for part in looked.parts}
    own = {tag, str(looked.digest)} - {""}
    made = []
    for each in found:
        direct = sum(times for reference, times in each.times.items() if reference in own)
        named = tuple(sorted({platforms[one] for one in each.times if platforms.get(one)}))
        made.append(
            Row(each.subject, each.agent, each.network, named, direct or sum(each.times.values()), each.last_at)
        )
    return made


def since(now: int) -> int:
    """From when on pulls are counted."""
    return now - DAYS * DAY
