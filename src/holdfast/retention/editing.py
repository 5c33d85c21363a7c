"""`/-/retention/rules`: writing rules in a form, trying them, and setting them.

Promises: nothing holds before it was said what it changes; trying makes a plan that is only looked at. What is being
written travels in the form alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from holdfast.access.errors import Changed, Invalid
from holdfast.access.policy.model import Action
from holdfast.registry.namespaces.settings import Change, SettingsTree
from holdfast.retention.pages import Here, both, page
from holdfast.retention.rule_form import SAMPLES, fields_of, rule_of
from holdfast.retention.rules import MOST_RULES, SETTING, Policy, explain, plain_of
from holdfast.retention.service import Retention
from holdfast.retention.written import from_plain, parse
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_NEW = {"action": "drop"}


class RulePages:
    """The form of rules. `settings`: a tree with the setting of retention."""

    def __init__(self, frame: Frame, retention: Retention, settings: SettingsTree) -> None:
        self._frame = frame
        self._retention = retention
        self._settings = settings

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            *both("GET", "/rules", self.begin),
            *both("POST", "/rules", self.step),
            *both("GET", "/rules/reset", self.reset),
        ]

    async def begin(self, visit: Visit) -> Answer:
        """The rules that hold, those of a plan that tried some, or a sample."""
        here, query = Here.of(visit), visit.query
        permit = self._frame.caller(visit).at(here.path)
        permit.require_all(Action.SETTINGS, here.path)
        if query.get("sample", "") in SAMPLES:
            policy = from_plain(SAMPLES[query["sample"]][2])
        elif query.get("plan", "").isdecimal() and len(query["plan"]) < 19:
            row = await self._retention.plan(self._frame.caller(visit).at(""), int(query["plan"]))
            policy = parse(row.tried) if row.tried is not None else (await self._retention.rules(permit)).policy
        else:
            policy = (await self._retention.rules(permit)).policy
        return self._show(visit, plain_of(policy))

    async def reset(self, visit: Visit) -> Answer:
        """What it would change to follow the rules above the path again."""
        here = Here.of(visit)
        permit = self._frame.caller(visit).at(here.path)
        permit.require_all(Action.SETTINGS, here.path)
        change = await self._settings.reset(permit, SETTING, dry_run=True)
        return self._show(visit, {"rules": []}, change=change, reset=True)

    async def step(self, visit: Visit) -> Answer:
        """What a button of the form asks for."""
        fields = await self._frame.changes(visit)
        here = Here.of(visit)
        permit = self._frame.caller(visit).at(here.path)
        permit.require_all(Action.SETTINGS, here.path)
        word, _, number = fields.get("step", "").partition("-")
        document = _document(fields)
        try:
            if word in ("edit", "add", "put", "remove", "cancel"):
                return self._write(visit, fields, document, word, number)
            policy = from_plain(_scheduled(document, fields))
            if word == "try":
                started = await self._retention.make(permit, tried=policy)
                return self._frame.done(visit, here.at(f"plans/{started.plan}"), "These rules are only tried")
            return await self._set(visit, fields, policy)
        except Invalid as error:
            return self._show(visit, document, fields, status=400, error=error)

    def _write(
        self, visit: Visit, fields: Mapping[str, str], document: dict[str, Any], word: str, number: str
    ) -> Answer:
        """Open a rule, close it, add one, take one away."""
        document = _kept(document, fields)
        rules = document["rules"]
        at = int(number) if number.isdecimal() and len(number) < 4 else len(rules)
        if word == "remove" and at < len(rules):
            del rules[at]
        elif word == "add":
            return self._show(visit, document, open_at=len(rules), values=fields_of(_NEW))
        elif word == "edit" and at < len(rules):
            return self._show(visit, document, open_at=at, values=fields_of(rules[at]))
        elif word == "put":
            try:
                rule = rule_of(fields)
                tried = {**document, "rules": [*rules[:at], rule, *rules[at + 1 :]]}
                from_plain({"rules": tried["rules"]})
            except Invalid as error:
                return self._show(visit, document, status=400, error=error, open_at=at, values=dict(fields))
            document = tried
        return self._show(visit, document)

    async def _set(self, visit: Visit, fields: Mapping[str, str], policy: Policy) -> Answer:
        """Say what rules would change, and once that was seen, set them."""
        here = Here.of(visit)
        permit = self._frame.caller(visit).at(here.path)
        reset, sight, plain = bool(fields.get("reset")), fields.get("sight"), plain_of(policy)
        text = json.dumps(plain) if policy.rules else "none"
        if sight is not None:
            try:
                if reset:
                    await self._settings.reset(permit, SETTING, sight=sight)
                else:
                    await self._settings.set(permit, SETTING, text, sight=sight)
            except Changed:
                change = await self._foresee(here, visit, text, reset=reset)
                return self._show(visit, plain, status=409, change=change, reset=reset, stale=True)
            said = "The rules above it hold again" if reset else "The rules hold; nothing is dropped by that alone"
            return self._frame.done(visit, here.at(), said)
        return self._show(visit, plain, change=await self._foresee(here, visit, text, reset=reset), reset=reset)

    async def _foresee(self, here: Here, visit: Visit, text: str, *, reset: bool) -> Change:
        permit = self._frame.caller(visit).at(here.path)
        return await self._settings.foresee(permit, SETTING, None if reset else text)

    def _show(
        self,
        visit: Visit,
        document: Mapping[str, Any],
        fields: Mapping[str, str] | None = None,
        *,
        status: int = 200,
        error: Invalid | None = None,
        open_at: int | None = None,
        values: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Answer:
        given = fields or {}
        return page(
            self._frame,
            visit,
            "retention-rules.html",
            Crumb("Rules"),
            status=status,
            document=json.dumps(document),
            said=_said(document),
            schedule=given.get("schedule", document.get("schedule", "")),
            on_push=bool(given["on_push"] if "on_push" in given else document.get("on_push") and not given),
            error=str(error) if error is not None else "",
            field=error.field if error is not None else "",
            errors=defaultdict(str, {error.field: str(error)} if error is not None else {}),
            open_at=open_at,
            values=defaultdict(str, values or {}),
            most=MOST_RULES,
            **{"change": None, "reset": False, "stale": False, **more},
        )


def _document(fields: Mapping[str, str]) -> dict[str, Any]:
    """What is being written. Raises `Invalid`."""
    return plain_of(parse(fields.get("document", "") or '{"rules": []}'))


def _scheduled(document: dict[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """The document with when it is applied, as the form says."""
    if "schedule" not in fields:
        return document
    kept = {name: value for name, value in document.items() if name not in ("schedule", "on_push")}
    schedule = fields["schedule"].strip()
    return {
        **kept,
        **({"schedule": schedule} if schedule else {}),
        **({"on_push": True} if fields.get("on_push") else {}),
    }


def _kept(document: dict[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """The document with the schedule of the form, where that can be one."""
    scheduled = _scheduled(document, fields)
    try:
        return plain_of(from_plain(scheduled))
    except Invalid:
        return document


def _said(document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The rules in words: name, verb, sentence."""
    policy = from_plain({"rules": document.get("rules", [])})
    return [(rule.name, rule.verb.value, explain(rule)) for rule in policy.rules]
