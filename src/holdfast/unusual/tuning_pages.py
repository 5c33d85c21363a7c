"""`/-/unusual/tuning`: how finely it is looked at a path, and what is done, in a form.

Promises: nothing holds before it was said what it changes; the text that is set is the one that the command line takes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from holdfast.access.errors import Changed, Invalid
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import Action as Needed
from holdfast.registry.effective.kinds import write_duration
from holdfast.registry.namespaces.settings import Change, SettingsTree
from holdfast.registry.namespaces.sight import checked
from holdfast.unusual.model import ABOUT, Kind
from holdfast.unusual.tuning import THRESHOLDS
from holdfast.unusual.written import DURATIONS, NUMBERS, SETTING, Action, Watching, parse, plain_of
from holdfast.web.forms import Fields
from holdfast.web.frame import Crumb, Frame
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

_PATHS = ("/r/{repository:name}/-/unusual/tuning", "/n/{namespace:name}/-/unusual/tuning", "/unusual/tuning")
_SENSITIVITIES = {str(each): f"{each}: an alert from {points} points on" for each, points in THRESHOLDS.items()}
_ACTIONS = {
    str(Action.EVENT): "tell of it",
    str(Action.THROTTLE): "and slow the key",
    str(Action.SUSPEND): "and suspend the key",
}
_SPANS = {
    "learning": ("Learning", "A new subject is only watched so long."),
    "together": ("Together", "What is found within it is added up."),
    "cool_down": ("Cool-down", "So long after its last growth an alert still grows."),
    "dead_after": ("Dead after", "A key unused so long counts as dead."),
}
_LEAST = {
    "learned_days": ("Active days", "On so many days a subject has to be active before it is judged."),
    "least_pulls": ("Pulls", "In an hour, below which hours are not looked at."),
    "least_repositories": ("Repositories", "In an hour, below which pulling is not much."),
    "least_bytes": ("Bytes", "In an hour, likewise."),
    "least_refusals": ("Refusals", "In an hour, below which they are not many."),
    "least_names": ("Names refused", "In an hour, below which nobody is guessing."),
}


class _At(NamedTuple):
    """Where it is looked: scope `r`, `n` or '', and the path."""

    scope: str
    path: str
    permit: PathPermit


class TuningPages:
    """The form of the setting. `settings`: a tree with that setting."""

    def __init__(self, frame: Frame, settings: SettingsTree) -> None:
        self._frame = frame
        self._settings = settings

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            *(Route("GET", path, self.form) for path in _PATHS),
            *(Route("POST", path, self.change) for path in _PATHS),
        ]

    async def form(self, visit: Visit) -> Answer:
        """What holds, to be changed; with `reset` what the path would be without a word of its own."""
        at = self._at(visit)
        if "reset" in visit.query:
            change = await self._settings.foresee(at.permit, SETTING, None)
            return await self._show(visit, at, change=change)
        return await self._show(visit, at)

    async def change(self, visit: Visit) -> Answer:
        """Say what it would change, and once that was seen, set it."""
        fields = await self._frame.changes(visit)
        at = self._at(visit)
        at.permit.require_all(Needed.SETTINGS, at.path)
        try:
            text = None if fields.get("reset") else fields["whole"] if "whole" in fields else _written(fields)
            change = await self._settings.foresee(at.permit, SETTING, text)
        except Invalid as error:
            return await self._show(visit, at, fields, status=400, error=error)
        sight = fields.get("sight")
        if sight is None:
            return await self._show(visit, at, change=change, text=text)
        try:
            if text is None:
                await self._settings.reset(at.permit, SETTING, sight=sight)
            else:
                await self._settings.set(at.permit, SETTING, text, sight=sight)
        except Changed:
            return await self._show(visit, at, change=change, text=text, status=409)
        said = "It is looked as above the path again" if text is None else "It is looked so from now on"
        return self._frame.done(visit, self._above(at), said)

    def _at(self, visit: Visit) -> _At:
        """The place of a visit; who sees a path may look. Raises `Denied`."""
        path = visit.named.get("repository") or visit.named.get("namespace", "")
        permit = self._frame.signed_in(visit).at(checked(path))
        if not path:
            permit.require_all(Needed.SETTINGS, path)
        return _At("r" if "repository" in visit.named else "n" if path else "", path, permit)

    def _above(self, at: _At) -> str:
        return self._frame.at(at.scope, at.path, "unusual") if at.scope else "/unusual"

    async def _show(
        self,
        visit: Visit,
        at: _At,
        fields: Fields | None = None,
        *,
        status: int = 200,
        error: Invalid | None = None,
        change: Change | None = None,
        text: str | None = None,
    ) -> Answer:
        held = await self._settings.show(at.permit, SETTING)
        wrong: defaultdict[str, str] = defaultdict(str)
        if error is not None:
            wrong[error.field] = str(error)
        crumbs = [Crumb("Unusual access", self._above(at)), Crumb("Tuning")]
        return self._frame.page(
            visit,
            "unusual-tuning.html",
            status=status,
            name=at.path or "the registry",
            may=not at.permit.lacks(Needed.SETTINGS, at.path),
            at=self._above(at) + "/tuning",
            above=self._above(at),
            said=held.origins[0],
            own=held.origins[0].path == at.path,
            given=_given(fields) if fields is not None else _values(parse_held(held.value)),
            error=str(error) if error is not None else "",
            wrong=wrong,
            change=change,
            text=text,
            after=sorted(plain_of(parse_held(change.held.value)).items()) if change is not None else (),
            stale=status == 409,
            kinds=ABOUT,
            removed=Kind.CANARY,
            sensitivities=_SENSITIVITIES,
            actions=_ACTIONS,
            spans=_SPANS,
            least=_LEAST,
            usual=_values(Watching()),
            crumbs=self._frame.crumbs(at.scope, at.path, *crumbs) if at.scope else crumbs,
            tabs=self._frame.tabs(visit, at.scope, at.path, "unusual") if at.scope else (),
        )


def parse_held(text: str) -> Watching:
    """What a value of the setting says, as people write it."""
    return Watching() if text == "none" else parse(text)


def _values(found: Watching) -> dict[str, Any]:
    """The fields of the form for what holds."""
    tuning = found.tuning
    return {
        "sensitivity": str(tuning.sensitivity),
        "look": {str(kind) for kind in Kind if kind not in tuning.off},
        "actions": {str(kind): str(found.actions.get(kind, Action.EVENT)) for kind in Kind},
        **{name: write_duration(str(getattr(tuning, name))) for name in DURATIONS},
        **{name: str(getattr(tuning, name)) for name in NUMBERS},
    }


def _given(fields: Fields) -> dict[str, Any]:
    """The fields of the form as somebody filled them in."""
    return {
        "sensitivity": fields.get("sensitivity", ""),
        "look": set(fields.many("look")),
        "actions": {str(kind): fields.get(f"do-{kind}", "") for kind in Kind},
        **{name: fields.get(name, "").strip()[:32] for name in (*DURATIONS, *NUMBERS)},
    }


def _written(fields: Fields) -> str:
    """The text that the fields say. Raises `Invalid`, with the field that is wrong."""
    given = _given(fields)
    looked: Mapping[str, str] = {str(kind): given["actions"][str(kind)] for kind in Kind}
    plain: dict[str, object] = {
        "sensitivity": given["sensitivity"],
        "off": [str(kind) for kind in Kind if str(kind) not in given["look"] and kind is not Kind.CANARY],
        "actions": {kind: action for kind, action in looked.items() if action != Action.EVENT},
        **{name: given[name] for name in DURATIONS},
        **{name: _whole(given[name]) for name in NUMBERS},
    }
    for name, value in plain.items():
        try:
            parse(json.dumps({name: value}))
        except Invalid as error:
            raise Invalid(name, str(error)) from error
    found = plain_of(parse(json.dumps(plain)))
    return json.dumps(found) if found else "none"


def _whole(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else text
