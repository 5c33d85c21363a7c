"""What a search found, as links: what is stored, and for who may see them people, robots, jobs and requests.

Promises: nothing is asked that the API would not tell this caller as well; what he may not see is not found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from holdfast.access.accounts.robots import Robots
from holdfast.access.accounts.users import Users
from holdfast.access.auditing.service import Audit
from holdfast.access.errors import Denied, Invalid, Unknown
from holdfast.access.jobs import SeenJobs
from holdfast.journal.reading import END, Wanted
from holdfast.registry.search.model import Hit, Kind
from holdfast.web.caller import Caller
from holdfast.web.formats import short_digest, urlpath

MOST_NAMESPACES = _MOST = 5
_REQUEST = re.compile(r"[0-9a-f]{12}-[0-9a-f]{1,17}")
_JOB = re.compile(r"(?:job[ -]?|#)?([0-9]{1,18})", re.IGNORECASE)
_ICONS = {
    Kind.REPOSITORY: "repository",
    Kind.TAG: "tag",
    Kind.DIGEST: "layers",
    Kind.LABEL: "info",
    Kind.ANNOTATION: "info",
    Kind.TYPE: "layers",
}


class Link(NamedTuple):
    """Something that was found. `kind`: what it is, in a word; `where`: what it belongs to, '' nothing."""

    kind: str
    icon: str
    text: str
    where: str
    href: str


def link_of(hit: Hit) -> Link:
    """What a hit of the registry's search leads to."""
    here = f"/r/{urlpath(hit.path)}"
    icon = _ICONS[hit.kind]
    if hit.kind is Kind.REPOSITORY:
        return Link("repository", icon, hit.path, "", here)
    if hit.kind is Kind.TAG:
        return Link("tag", icon, hit.tag or hit.text, hit.path, f"{here}/-/tags/{urlpath(hit.tag or hit.text)}")
    if hit.digest is None:
        return Link(str(hit.kind), icon, hit.text, hit.path, here if hit.repository else f"/n/{urlpath(hit.path)}")
    href = f"{here}/-/digests/{urlpath(hit.digest)}"
    if hit.kind is Kind.DIGEST:
        return Link("digest", icon, short_digest(hit.digest), hit.path, href)
    where = f"{hit.path}:{hit.tag}" if hit.tag else f"{hit.path}@{short_digest(hit.digest)}"
    return Link(str(hit.kind), icon, hit.text, where, f"{here}/-/tags/{urlpath(hit.tag)}" if hit.tag else href)


def namespaces_of(hits: Sequence[Hit], text: str, made: Sequence[str]) -> list[Link]:
    """The namespaces that repositories among the hits lie in, and whose name, or its last part, begins with `text`;
    and those that somebody `made`."""
    wanted = text.casefold().rstrip("/")
    found: dict[str, None] = {}
    for hit in hits:
        parts = hit.path.split("/") if hit.kind is Kind.REPOSITORY else []
        for end in range(1, len(parts)):
            path = "/".join(parts[:end])
            if path.startswith(wanted) or parts[end - 1].startswith(wanted):
                found[path] = None
    paths = dict.fromkeys([*list(found)[:_MOST], *made])
    return [Link("namespace", "namespace", path, "", f"/n/{urlpath(path)}") for path in paths]


class People:
    """Finds what is not stored content: users, robots, jobs, and what a request did."""

    def __init__(self, users: Users, robots: Robots, jobs: SeenJobs, audit: Audit) -> None:
        self._users = users
        self._robots = robots
        self._jobs = jobs
        self._audit = audit

    async def find(self, caller: Caller, text: str) -> list[Link]:
        """What `text` names, or begins; a few of each kind."""
        if caller.session is None:
            return []
        return [
            *await self._user(caller, text),
            *await self._robot(caller, text),
            *await self._job(caller, text),
            *await self._request(caller, text),
        ]

    async def _user(self, caller: Caller, text: str) -> list[Link]:
        try:
            listed = await self._users.page(caller.who, after=_before(text), limit=_MOST, origin=caller.origin)
        except Invalid:
            return []
        return [
            Link("user", "user", each.name, each.display or "", _home_of(each.name, caller))
            for each in listed
            if each.name.startswith(text)
        ]

    async def _robot(self, caller: Caller, text: str) -> list[Link]:
        try:
            listed = await self._robots.page(
                caller.who, after=_before(text), limit=_MOST, origin=caller.origin, here=caller.at("").here
            )
        except Invalid:
            return []
        return [
            Link("robot", "robot", each.name, each.namespace, f"/n/{urlpath(each.namespace)}/-/access")
            for each in listed
            if each.name.startswith(text)
        ]

    async def _job(self, caller: Caller, text: str) -> list[Link]:
        number = _JOB.fullmatch(text)
        if number is None:
            return []
        try:
            job = await self._jobs.get(caller.who, int(number[1]), origin=caller.origin)
        except Unknown:
            return []
        return [Link("job", "jobs", f"job {job.id}", job.kind, f"/jobs/{job.id}")]

    async def _request(self, caller: Caller, text: str) -> list[Link]:
        if not _REQUEST.fullmatch(text):
            return []
        try:
            part = await self._audit.newest(
                caller.who, Wanted(request=text), before=END, limit=_MOST, origin=caller.origin
            )
        except Denied:
            return []
        what = ", ".join(dict.fromkeys(row.kind for row in part.rows))
        return [Link("request", "audit", text, what, f"/audit?request={text}")] if part.rows else []


def _home_of(user: str, caller: Caller) -> str:
    return "/me" if user == caller.who.subject.name else f"/admin/users/{urlpath(user)}"


def _before(text: str) -> str:
    """What comes right before everything that begins with `text`, as far as names have it."""
    return text[:-1] + chr(ord(text[-1]) - 1) + "~" if text else ""


def unique(links: Sequence[Link]) -> list[Link]:
    """Each place once, the first time that it is found."""
    return list({link.href: link for link in reversed(links)}.values())[::-1]
