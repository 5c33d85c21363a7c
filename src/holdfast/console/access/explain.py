"""`/explain`, and `/-/access/explain` of a repository or namespace: may somebody do something, by which grant, and what
would change it; `/-/access/who`: who may. All that is asked stands in the address."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlencode

from holdfast.access.errors import Invalid, Unknown
from holdfast.access.grants.sight import oversees_path
from holdfast.access.policy.explain import Explanation, Extent, least_role
from holdfast.access.policy.model import SYSTEM_ACTIONS, Action
from holdfast.access.why import Why
from holdfast.console.access.places import seen_place
from holdfast.console.access.refused import EXPLAIN, ask_href
from holdfast.console.access.sayings import ACTIONS, REPOSITORY_ACTIONS, conditions_said, instant
from holdfast.console.where import Where, both
from holdfast.web.caller import Caller
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_FIELDS = ("subject", "action", "repository", "tag", "address", "at")
_LONGEST = 512
_COMMAND = "holdfast "
_VERDICTS = {
    Extent.ALL: ("Allowed", "ok"),
    Extent.SOME: ("Allowed at some tags", "warn"),
    Extent.NONE: ("Denied", "bad"),
}


class _Found(NamedTuple):
    """What came of a question: the answer, or what is wrong with the question."""

    status: int = 200
    told: Explanation | None = None
    said: str = ""


class ExplainPages:
    """The pages that say why."""

    def __init__(self, frame: Frame, why: Why) -> None:
        self._frame = frame
        self._why = why

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            Route("GET", EXPLAIN, self.own),
            *both("GET", "access/explain", self.there),
            *both("GET", "access/who", self.who),
        ]

    async def own(self, visit: Visit) -> Answer:
        """Of oneself, anywhere."""
        caller = self._frame.signed_in(visit)
        asked = {**_asked(visit.query), "subject": caller.who.subject.actor}
        return await self._answer(visit, caller, asked, None, others=False)

    async def there(self, visit: Visit) -> Answer:
        """At a repository or namespace: of others, too, for who manages access or reads the audit there."""
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        others = oversees_path(caller.at(where.path), where.path, whole=where.whole)
        asked = _asked(visit.query)
        asked["repository"] = asked["repository"] or where.path
        if not others or not asked["subject"]:
            asked["subject"] = caller.who.subject.actor
        return await self._answer(visit, caller, asked, where, others=others)

    async def who(self, visit: Visit) -> Answer:
        """Who may do something here, by a grant to them or their groups."""
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        listing = Listing(where.at("access/who"), visit.query, ("name",), "name", ("action", "tag", "repository"))
        action = listing.filters["action"] or "pull"
        repository = listing.filters["repository"] or where.path
        found = await self._why.holders(
            caller.who,
            action,
            repository,
            listing.filters["tag"] or None,
            after=listing.after,
            limit=listing.fetch,
            origin=caller.origin,
        )
        shown = listing.shown(found, lambda each: each.subject.name)
        return self._frame.page(
            visit,
            "access-who.html",
            where=where,
            listing=listing,
            action=action,
            actions=REPOSITORY_ACTIONS,
            repository=repository,
            tag=listing.filters["tag"],
            holders=shown,
            crumbs=self._frame.crumbs(where.scope, where.path, _access(where), Crumb("Who may")),
            tabs=self._frame.tabs(visit, where.scope, where.path, "access"),
        )

    async def _answer(
        self, visit: Visit, caller: Caller, asked: dict[str, str], where: Where | None, *, others: bool
    ) -> Answer:
        found = await self._find(caller, asked, own=not others) if asked["action"] else _Found()
        told = found.told
        own = asked["subject"] == caller.who.subject.actor
        denied = told is not None and not told.allowed
        verdict, kind = _VERDICTS[told.extent] if told is not None else ("", "")
        crumbs = [Crumb("Explain")]
        if where is not None:
            crumbs = self._frame.crumbs(where.scope, where.path, _access(where), Crumb("Explain"))
        return self._frame.page(
            visit,
            "access-explain.html",
            status=found.status,
            where=where,
            to=where.at("access/explain") if where is not None else EXPLAIN,
            crumbs=crumbs,
            tabs=self._frame.tabs(visit, where.scope, where.path, "access") if where is not None else (),
            asked=asked,
            others=others,
            actions=ACTIONS,
            told=told,
            said=found.said,
            verdict=verdict,
            kind=kind,
            decisive={rule.grant.id for rule in told.decisive} if told is not None else set(),
            conditions=conditions_said,
            command=told is not None and told.remedy.startswith(_COMMAND),
            grant=_grant_href(caller, told) if told is not None and denied else "",
            ask=ask_href(asked) if own and denied else "",
        )

    async def _find(self, caller: Caller, asked: Mapping[str, str], *, own: bool) -> _Found:
        """The answer of the engine."""
        try:
            told = await self._why.ask(
                caller.who,
                asked["subject"],
                asked["action"],
                asked["repository"],
                asked["tag"] or None,
                address=_address(asked["address"]),
                at=instant(asked["at"]),
                origin=caller.origin,
            )
        except Invalid as error:
            return _Found(400, said=str(error))
        except Unknown as error:
            if own:
                raise
            return _Found(404, said=str(error))
        return _Found(told=told)


def _access(where: Where) -> Crumb:
    return Crumb("Access", where.at("access"))


def _asked(query: Mapping[str, str]) -> dict[str, str]:
    """The fields of a question, each a line. Raises `Invalid`."""
    asked = {name: query.get(name, "").strip() for name in _FIELDS}
    for name, text in asked.items():
        if len(text) > _LONGEST or not text.isprintable():
            raise Invalid(name, f"{name!r} has at most {_LONGEST} printable characters")
    return asked


def _address(text: str) -> str | None:
    if not text:
        return None
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise Invalid("address", f"{text[:64]!r} is no address: 10.0.0.7, 2001:db8::1") from error


def _grant_href(caller: Caller, told: Explanation) -> str:
    """The form of the grant that would allow it, filled in, for who manages access there; '' for others."""
    permit = caller.at(told.repository)
    if told.action in SYSTEM_ACTIONS or not permit.tags(Action.MANAGE_ACCESS, told.repository).everything:
        return ""
    if not told.remedy.startswith(_COMMAND):
        return ""
    place = Where("r", told.repository)
    return grant_href(place, told.subject, least_role(told.action), told.repository, told.tag or "")


def grant_href(where: Where, subject: str, role: str, repository: str, tag: str = "") -> str:
    """The form of a grant, filled in."""
    fields = {"subject": subject, "role": role, "repository": repository, "tag": tag}
    return f"{where.at('access/grants/new')}?{urlencode({name: value for name, value in fields.items() if value})}"
