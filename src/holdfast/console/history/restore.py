"""`/-/history/restore`: tags back to where they were at an instant: what that changes, and then exactly that.

Promises: what is applied is what the preview showed, or nothing is, and the page says what has changed meanwhile; more
than 100 changes need the name to be typed; what was done can be undone in the same way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from holdfast.access.errors import Invalid
from holdfast.access.policy.globs import GlobInvalid, TagGlob
from holdfast.console.history.pages import reach_of, target_of
from holdfast.console.moments import exact, read_moment, write_moment
from holdfast.console.where import Where, both
from holdfast.oci.errors import TagInvalid
from holdfast.oci.name import Tag
from holdfast.registry.errors import ChangedSince, RollbackBlocked, TooManyChanges
from holdfast.registry.history.cursors import place_text, read_place
from holdfast.registry.history.model import Change, Filter
from holdfast.registry.history.rollback.model import Applied, Effect, Preview, Wish
from holdfast.registry.history.rollback.service import Rollback
from holdfast.registry.history.service import History
from holdfast.registry.namespaces.settings import SettingsTree
from holdfast.web.frame import Crumb, Frame
from holdfast.web.listing import Listing
from holdfast.web.site import Route
from holdfast.web.visit import Answer, Visit

MANY = 100
"""More changes than that need the name to be typed."""
_FIELDS = ("at", "tag", "tags", "exact", "skip")
_CHANGED = 10
_DOES = (Effect.CREATE, Effect.MOVE, Effect.DELETE)


class _Asked(NamedTuple):
    """What the form asks for, as it was written, and what is wrong with it."""

    fields: Mapping[str, str]
    wish: Wish | None
    errors: Mapping[str, str]


class RestorePages:
    """Rollbacks as pages."""

    def __init__(self, frame: Frame, history: History, rollback: Rollback, settings: SettingsTree) -> None:
        self._frame = frame
        self._history = history
        self._rollback = rollback
        self._settings = settings

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            *both("GET", "history/restore", self.show),
            *both("POST", "history/restore", self.apply),
        ]

    async def show(self, visit: Visit) -> Answer:
        """What a restore would do."""
        asked = self._asked(visit, visit.query)
        return await self._show(visit, asked, status=400 if asked.errors else 200)

    async def apply(self, visit: Visit) -> Answer:
        """Restore what the page showed."""
        fields = await self._frame.changes(visit)
        where, asked = Where.of(visit), self._asked(visit, fields)
        if asked.wish is None:
            return await self._show(visit, asked, status=400)
        permit = self._frame.caller(visit).at("")
        wish = asked.wish._replace(fingerprint=fields.get("fingerprint", ""))
        try:
            found = await self._rollback.preview(permit, wish, ("", ""), 1)
            if _changes(found) > MANY and fields.get("confirm", "").strip() != where.path:
                errors = {"confirm": f"write {where.path} to confirm"}
                return await self._show(visit, asked._replace(errors=errors), status=400)
            done = await self._rollback.apply(permit, wish)
        except ChangedSince as error:
            return await self._show(visit, asked, status=409, stale=(str(error), wish.fingerprint or ""))
        except (RollbackBlocked, TooManyChanges) as error:
            return await self._show(visit, asked, status=409, said=_without_flags(str(error)))
        return self._frame.done(visit, where.at("history"), _told(done), undo=self._undo(where, asked, done))

    def _undo(self, where: Where, asked: _Asked, done: Applied) -> str:
        """Where what was done is undone: tags that it made end."""
        again = {name: asked.fields[name] for name in ("tag", "tags") if asked.fields[name]}
        again["at"] = write_moment(done.before)
        if done.counts[Effect.CREATE]:
            again["exact"] = "1"
        return f"{where.at('history/restore')}?{urlencode(again)}"

    def _asked(self, visit: Visit, given: Mapping[str, str]) -> _Asked:
        fields = {name: given.get(name, "").strip()[:256] for name in _FIELDS}
        if not fields["at"]:
            return _Asked(fields, None, {})
        errors = {}
        at = 0
        try:
            at = read_moment(fields["at"], self._frame.now(), visit.look.zone)
            fields["at"] = write_moment(at)
        except Invalid as error:
            errors["at"] = str(error)
        try:
            if fields["tags"]:
                TagGlob.parse(fields["tags"])
            if fields["tag"]:
                Tag.parse(fields["tag"])
        except (GlobInvalid, TagInvalid) as error:
            errors["tags"] = str(error)
        if errors:
            return _Asked(fields, None, errors)
        where = Where.of(visit)
        target = target_of(where, "" if where.whole else fields["tag"])
        wish = Wish(target, at, fields["tags"] or None, bool(fields["exact"]), bool(fields["skip"]))
        return _Asked(fields, wish, {})

    async def _show(
        self, visit: Visit, asked: _Asked, *, status: int = 200, stale: tuple[str, str] | None = None, said: str = ""
    ) -> Answer:
        where = Where.of(visit)
        listing = Listing(visit.path, {**_kept(asked.fields), **_cursor(visit)}, ("name",), "name", _FIELDS)
        preview: Preview | None = None
        if asked.wish is not None:
            try:
                preview = await self._rollback.preview(
                    self._frame.caller(visit).at(""), asked.wish, read_place(listing.after), listing.limit
                )
                listing.onward(place_text(preview.next))
            except (TooManyChanges, ChangedSince) as error:
                status, said = 409, _without_flags(str(error))
        zone = visit.look.zone
        crumb = Crumb("History", where.at("history"))
        return self._frame.page(
            visit,
            "restore.html",
            status=status,
            fragment="rows",
            crumbs=self._frame.crumbs(where.scope, where.path, crumb, Crumb("Restore")),
            tabs=self._frame.tabs(visit, where.scope, where.path, "history"),
            where=where,
            asked=asked.fields,
            errors=defaultdict(str, asked.errors),
            wish=asked.wish,
            preview=preview,
            changes=_changes(preview) if preview is not None else 0,
            many=MANY,
            listing=listing,
            stale=stale[0] if stale else "",
            since=await self._since(visit, asked.wish, stale[1]) if stale and asked.wish else [],
            said=said,
            reach=await reach_of(self._frame, self._settings, visit, where),
            zone=zone or "UTC",
            exact=lambda moment: exact(moment, zone),
        )

    async def _since(self, visit: Visit, wish: Wish, fingerprint: str) -> list[Change]:
        """What has changed since a preview: the newest of it."""
        moment = fingerprint.partition(".")[0]
        if not moment.isdecimal() or len(moment) > 18:
            return []
        permit = self._frame.caller(visit).at("")
        wanted = Filter(tags=wish.tags, since=int(moment) - 1)
        return (await self._history.changes(permit, wish.target, wanted, None, _CHANGED)).changes


def _changes(found: Preview) -> int:
    return sum(found.counts[effect] for effect in _DOES)


def _kept(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}


def _cursor(visit: Visit) -> dict[str, str]:
    """The cursor of the page, where one goes through a preview."""
    query: dict[str, Any] = visit.query if visit.method in ("GET", "HEAD") else {}
    return {name: query[name] for name in ("after", "way", "limit") if name in query}


def _told(done: Applied) -> str:
    """What was restored, in words."""
    words = ("made again", "moved back", "removed")
    parts = [
        f"{done.counts[effect]:,} {word}" for effect, word in zip(_DOES, words, strict=True) if done.counts[effect]
    ]
    if not parts:
        return "Everything stands as it stood then: nothing was changed"
    kept = done.counts[Effect.BLOCKED]
    return "Restored: " + ", ".join(parts) + (f"; {kept:,} left as they are" if kept else "")


def _without_flags(text: str) -> str:
    """A refusal without what is said to users of the command line."""
    return text.partition(": --skip-blocked")[0].replace(" with --tags GLOB", " by a filter of tags")
