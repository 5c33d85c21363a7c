"""`/-/access/grants/new`: the form of a grant or a deny, with every condition that there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from holdfast.access.errors import Conflict, Invalid, Unknown
from holdfast.access.grants.model import NewGrant
from holdfast.access.grants.roles import Roles
from holdfast.access.grants.service import Grants
from holdfast.access.policy.globs import GlobInvalid, TagGlob
from holdfast.console.access.conditions import CONDITION_FIELDS, WEEKDAYS, asked_conditions
from holdfast.console.access.places import governed, place_values, seen_place
from holdfast.console.access.sayings import ACTIONS, LIVES, ends, instant, role_options
from holdfast.console.where import Where, both
from holdfast.web.caller import Caller
from holdfast.web.forms import Fields
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_ROLES = 200
_TRIED = ("subject", "role", "repository", "tag", "days", "ends_at", "note", *CONDITION_FIELDS)
_FIELDS = {
    "scope": "repository",
    "expires_at": "ends_at",
    "times.start": "start",
    "times.end": "end",
    "times.zone": "zone",
    "times.not_before": "not_before",
    "times.not_after": "not_after",
}
"""The fields of the form, where the service calls them otherwise."""


class _Given(NamedTuple):
    """What somebody filled in."""

    tried: Mapping[str, str]
    denied: Sequence[str]
    weekdays: Sequence[str] = ()


class GrantForm:
    """The form of a grant."""

    def __init__(self, frame: Frame, grants: Grants, roles: Roles) -> None:
        self._frame = frame
        self._grants = grants
        self._roles = roles

    def routes(self) -> list[Route]:
        """Every route of the form."""
        return [*both("GET", "access/grants/new", self.fresh), *both("POST", "access/grants/new", self.add)]

    async def fresh(self, visit: Visit) -> Answer:
        """The form, filled in by the query."""
        caller = self._frame.signed_in(visit)
        where = governed(caller, seen_place(caller, visit))
        denied = visit.query.get("deny", "")
        return await self._form(visit, caller, where, _Given(_tried(visit.query, where), [denied] if denied else []))

    async def add(self, visit: Visit) -> Answer:
        """Make the grant."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        try:
            kept = await self._grants.add(caller.who, _grant(fields, self._frame.now()), origin=caller.origin)
        except (Invalid, Conflict, Unknown) as error:
            given = _Given(_tried(fields, where), fields.many("deny"), fields.many("weekday"))
            return await self._form(visit, caller, where, given, error)
        text = f"Grant {kept.id} made" if not kept.notice else f"Grant {kept.id} made; {kept.notice}"
        return self._frame.done(visit, where.at("access"), text)

    async def _form(
        self, visit: Visit, caller: Caller, where: Where, given: _Given, error: Exception | None = None
    ) -> Answer:
        roles = await self._roles.page(caller.who, limit=_ROLES, origin=caller.origin)
        return self._frame.page(
            visit,
            "access-grant.html",
            status=400 if error is not None else 200,
            **place_values(self._frame, visit, where, "", Crumb("Grant")),
            **given._asdict(),
            conditioned=bool(given.weekdays) or any(given.tried[name] for name in CONDITION_FIELDS),
            said=str(error) if error is not None else "",
            wrong=_wrong(error),
            roles={**role_options(role.name for role in roles), "": "None: deny instead"},
            actions=ACTIONS,
            days=WEEKDAYS,
            lives=LIVES,
        )


def _tried(given: Mapping[str, str], where: Where) -> dict[str, str]:
    """The fields of the form as they were given, and where nothing was given as they begin."""
    first = {"repository": f"{where.path}/**" if where.whole else where.path, "role": "reader", "days": "0"}
    if given.get("deny"):
        first["role"] = ""
    return {name: given.get(name, first.get(name, ""))[:4096] for name in _TRIED}


def _wrong(error: Exception | None) -> defaultdict[str, str]:
    """What is wrong, by field of the form; '' nothing."""
    found: defaultdict[str, str] = defaultdict(str)
    if isinstance(error, Invalid):
        found[_FIELDS.get(error.field, error.field)] = str(error)
    elif isinstance(error, Unknown):
        found["subject"] = str(error)
    return found


def _grant(fields: Fields, now: int) -> NewGrant:
    """The grant that a form asks for. Raises `Invalid`."""
    repository, tag = fields.get("repository", "").strip(), fields.get("tag", "").strip()
    if ":" in repository:
        raise Invalid("repository", "the tags stand in a field of their own")
    if tag:
        try:
            TagGlob.parse(tag)
        except GlobInvalid as error:
            raise Invalid("tag", str(error)) from error
    return NewGrant(
        fields.get("subject", "").strip(),
        f"{repository}:{tag}" if tag else repository,
        fields.get("role", "") or None,
        tuple(fields.many("deny")),
        asked_conditions(fields, fields.many("weekday")),
        instant(fields.get("ends_at", ""), "ends_at") or ends(fields, now),
        fields.get("note", "").strip(),
    )
