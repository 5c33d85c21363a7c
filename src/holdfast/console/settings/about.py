"""`/-/settings/about`: what people say of a repository or namespace: a description and labels."""

from __future__ import annotations

import hashlib

from holdfast.access.errors import Invalid
from holdfast.access.policy.model import Action
from holdfast.console.settings.pages import settings_page
from holdfast.console.where import Where, both
from holdfast.registry.namespaces.repositories import Repositories
from holdfast.registry.namespaces.saying import Facts, Saying
from holdfast.registry.namespaces.service import Namespaces
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_SEEN = 16


class AboutPages:
    """The form of description and labels."""

    def __init__(self, frame: Frame, namespaces: Namespaces, repositories: Repositories) -> None:
        self._frame = frame
        self._namespaces = namespaces
        self._repositories = repositories

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [*both("GET", "settings/about", self.edit), *both("POST", "settings/about", self.change)]

    async def edit(self, visit: Visit) -> Answer:
        """What is said now."""
        facts = await self._facts(visit)
        return self._show(visit, facts, facts.description, _lines(facts))

    async def change(self, visit: Visit) -> Answer:
        """Say something else."""
        fields = await self._frame.changes(visit)
        facts = await self._facts(visit)
        description = fields.get("description", "").replace("\r\n", "\n")
        written = fields.get("labels", "").replace("\r\n", "\n")
        if fields.get("seen") != _seen(facts):
            return self._show(visit, facts, description, written, status=409, stale=True)
        try:
            labels = _labels(written)
            gone = tuple(name for name, _ in facts.labels if name not in labels)
            await self._say(visit, Saying(description, labels, gone))
        except Invalid as error:
            return self._show(visit, facts, description, written, status=400, error=error)
        where = Where.of(visit)
        return self._frame.done(visit, where.at("settings"), f"Saved what is said of {where.path}")

    async def _facts(self, visit: Visit) -> Facts:
        """What is said. Raises what stands for what is not there, `Denied`."""
        where = Where.of(visit)
        permit = self._frame.caller(visit).at(where.path)
        if where.whole:
            facts = (await self._namespaces.show(permit)).facts
            permit.require_all(Action.SETTINGS, where.path)
            return facts
        facts = (await self._repositories.show(permit)).facts
        permit.require(Action.SETTINGS, where.path)
        return facts

    async def _say(self, visit: Visit, saying: Saying) -> None:
        where = Where.of(visit)
        permit = self._frame.caller(visit).at(where.path)
        if where.whole:
            await self._namespaces.say(permit, saying)
        else:
            await self._repositories.say(permit, saying)

    def _show(
        self,
        visit: Visit,
        facts: Facts,
        description: str,
        labels: str,
        *,
        status: int = 200,
        error: Invalid | None = None,
        stale: bool = False,
    ) -> Answer:
        where = Where.of(visit)
        return settings_page(
            self._frame,
            visit,
            where,
            "about.html",
            Crumb("Settings", where.at("settings")),
            Crumb("Description and labels"),
            status=status,
            description=description,
            labels=labels,
            error=str(error) if error is not None else "",
            field=error.field if error is not None else "",
            seen=_seen(facts),
            now_said=facts if stale else None,
            lines=_lines(facts),
        )


def _lines(facts: Facts) -> str:
    return "\n".join(f"{name}={value}" for name, value in facts.labels)


def _labels(text: str) -> dict[str, str]:
    """Labels as they are written, one a line. Raises `Invalid`."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        name, equals, value = line.strip().partition("=")
        if not line.strip():
            continue
        if not equals:
            raise Invalid("labels", f"write {name[:40]!r} as NAME=VALUE")
        if name.strip() in found:
            raise Invalid("labels", f"the label {name.strip()[:40]!r} is given twice")
        found[name.strip()] = value.strip()
    return found


def _seen(facts: Facts) -> str:
    """What tells one state of what is said from another."""
    return hashlib.sha256(f"{facts.description}\0{_lines(facts)}".encode()).hexdigest()[:_SEEN]
