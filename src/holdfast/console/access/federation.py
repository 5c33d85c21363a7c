"""`/-/access/federation`: which tokens of other issuers are robots of a namespace."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.access.errors import Conflict, Invalid
from holdfast.access.federation.rules import RuleDraft, Rules
from holdfast.access.grants.sight import manages_path
from holdfast.console.access.conditions import claims_of
from holdfast.console.access.places import governed, namespace_of, number, place_values, seen_place
from holdfast.console.where import Where, both
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_TRIED = ("name", "issuer", "robot", "claims")


class FederationPages:
    """The pages of rules of federation."""

    def __init__(self, frame: Frame, rules: Rules) -> None:
        self._frame = frame
        self._rules = rules

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            *both("GET", "access/federation", self.list),
            *both("GET", "access/federation/-/new", self.fresh),
            *both("POST", "access/federation/-/new", self.make),
            *both("GET", "access/federation/{rule}/remove", self.confirm),
            *both("POST", "access/federation/{rule}/remove", self.remove),
        ]

    async def list(self, visit: Visit) -> Answer:
        """The rules of a namespace; of a repository those of the namespace that it is in."""
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        namespace = namespace_of(where)
        listing = Listing(where.at("access/federation"), visit.query, ("id",), "id", ())
        found = await self._rules.page(
            caller.who,
            namespace=namespace,
            after=number(listing.after),
            limit=listing.fetch,
            origin=caller.origin,
        )
        return self._frame.page(
            visit,
            "access-federation.html",
            **place_values(self._frame, visit, where, "federation", Crumb("Federation")),
            listing=listing,
            rules=listing.shown(found, lambda rule: rule.id),
            namespace=namespace,
            governs=manages_path(caller.at(namespace), namespace, whole=True),
        )

    async def fresh(self, visit: Visit) -> Answer:
        """The form of a rule."""
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        governed(caller, Where("n", namespace_of(where)))
        return self._form(visit, where, {})

    async def make(self, visit: Visit) -> Answer:
        """Make it."""
        fields = await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        namespace = namespace_of(where)
        robot = fields.get("robot", "").strip()
        try:
            draft = RuleDraft(
                namespace,
                fields.get("name", "").strip(),
                fields.get("issuer", "").strip(),
                robot if "+" in robot else f"{namespace}+{robot}",
                claims_of(fields.get("claims", "")),
            )
            made = await self._rules.add(caller.who, draft, origin=caller.origin)
        except (Invalid, Conflict) as error:
            return self._form(visit, where, fields, said=visit.told(error))
        return self._frame.done(visit, where.at("access/federation"), f"Rule {made.name} made")

    async def confirm(self, visit: Visit) -> Answer:
        """What removing a rule ends."""
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        rule = await self._rules.get(caller.who, namespace_of(where), visit.named["rule"], origin=caller.origin)
        return self._frame.page(
            visit,
            "access-federation-remove.html",
            **place_values(self._frame, visit, where, "federation", Crumb(f"Remove {rule.name}")),
            rule=rule,
        )

    async def remove(self, visit: Visit) -> Answer:
        """Remove it."""
        await self._frame.changes(visit)
        caller = self._frame.signed_in(visit)
        where = seen_place(caller, visit)
        name = visit.named["rule"]
        await self._rules.remove(caller.who, namespace_of(where), name, origin=caller.origin)
        return self._frame.done(visit, where.at("access/federation"), f"Rule {name} removed")

    def _form(self, visit: Visit, where: Where, fields: Mapping[str, str], *, said: str = "") -> Answer:
        return self._frame.page(
            visit,
            "access-federation-new.html",
            status=400 if said else 200,
            **place_values(self._frame, visit, where, "federation", Crumb("New rule")),
            namespace=namespace_of(where),
            tried={name: fields.get(name, "")[:4096] for name in _TRIED},
            said=said,
        )
