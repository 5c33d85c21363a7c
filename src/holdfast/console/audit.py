"""`/audit`: who did what: the journal for those who may read it, with an export for spreadsheets and programs.

Promises: everybody sees the rows of what he has `read-audit` on, by the same service as the API; what lies further back
than 30 days is shown when a span is asked for; an export holds what the page is about, the newest `EXPORTED` rows at
most, and no cell that a spreadsheet takes for a formula.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from holdfast.access.auditing.service import Audit
from holdfast.access.errors import Invalid
from holdfast.console.activity import words_of
from holdfast.console.moments import read_moment
from holdfast.journal.chain import SealedRow
from holdfast.journal.model import ChangeKind
from holdfast.journal.moments import rfc3339
from holdfast.journal.reading import END, Part, Wanted
from holdfast.web.caller import Caller
from holdfast.web.frame import Frame
from holdfast.web.listing import Column, Listing
from holdfast.web.site import Route
from holdfast.web.spreadsheet import csv_of
from holdfast.web.visit import Answer, Visit

EXPORTED = 10_000
_PAGE = 500
_DAY = 86_400_000_000
_SPAN = 30
_FILTERS = ("actor", "kind", "object", "request", "since", "until")
_COLUMNS = (
    Column("Time"),
    Column("Who"),
    Column("Action"),
    Column("Object"),
    Column("Result"),
    Column("Address"),
    Column("Client"),
    Column("Request"),
)
_WORDS = sorted({str(kind).partition(".")[0] for kind in ChangeKind})
_REFUSED = frozenset({ChangeKind.ACCESS_DENIED, ChangeKind.LOGIN_FAILED, ChangeKind.QUOTA_EXCEEDED})
_FORMATS = {"csv": ("text/csv; charset=utf-8", "audit.csv"), "jsonl": ("application/x-ndjson", "audit.jsonl")}
_FIELDS = ("pos", "at", "actor", "kind", "path", "credential", "address", "agent", "request", "data")
_NAMED = (
    "repository",
    "tag",
    "tags",
    "reference",
    "digest",
    "name",
    "subject",
    "group",
    "member",
    "key",
    "path",
    "url",
)


class Entry(NamedTuple):
    """A row as the page shows it. `about`: what it names beside its path, '' nothing; `refused`: why, '' it was not;
    `times`: how often, where many are one row."""

    pos: int
    at: int
    actor: str
    action: str
    kind: str
    path: str
    about: str
    refused: str
    was_refused: bool
    times: int
    address: str
    agent: str
    credential: str
    request: str
    job: str
    data: str


class AuditPages:
    """The page of the audit."""

    def __init__(self, frame: Frame, audit: Audit) -> None:
        self._frame = frame
        self._audit = audit

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [Route("GET", "/audit", self.show), Route("GET", "/audit/export", self.export)]

    async def show(self, visit: Visit) -> Answer:
        """A page of the audit, the newest first."""
        caller = self._frame.signed_in(visit)
        listing = Listing(visit.path, visit.query, ("at",), "-at", _FILTERS)
        wanted, errors = self._tried(visit, listing.filters)
        part = Part([], None)
        wrong = any(errors.values())
        if not wrong:
            part = await self._part(caller, listing, wanted)
        query = listing.href().partition("?")[2]
        return self._frame.page(
            visit,
            "audit.html",
            fragment="rows",
            status=400 if wrong else 200,
            listing=listing,
            columns=_COLUMNS,
            entries=[_entry(row) for row in part.rows],
            errors=errors,
            kinds=_WORDS,
            span=_SPAN if not _spanned(listing.filters) else 0,
            exports={form: f"/audit/export?format={form}" + (f"&{query}" if query else "") for form in _FORMATS},
            most=EXPORTED,
            zone=visit.look.zone or "UTC",
        )

    async def export(self, visit: Visit) -> Answer:
        """What the page is about, as a file."""
        caller = self._frame.signed_in(visit)
        query = dict(visit.query)
        form = query.pop("format", "csv")
        if form not in _FORMATS:
            raise Invalid("format", f"one of {', '.join(_FORMATS)}")
        listing = Listing("/audit", query, ("at",), "-at", _FILTERS)
        wanted = self._wanted(visit, listing.filters)
        rows: list[SealedRow] = []
        before: int | None = END
        while before is not None and len(rows) < EXPORTED:
            part = await self._audit.newest(caller.who, wanted, before=before, limit=_PAGE, origin=caller.origin)
            rows += part.rows
            before = part.next
        media_type, name = _FORMATS[form]
        told = [_fields(row) for row in rows[:EXPORTED]]
        if form == "csv":
            cells = [[_cell(each[name]) for name in _FIELDS] for each in told]
            body = csv_of(_FIELDS, cells)
        else:
            body = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in told)
        headers = (("content-type", media_type), ("content-disposition", f'attachment; filename="{name}"'))
        return Answer(200, body.encode(), headers)

    async def _part(self, caller: Caller, listing: Listing, wanted: Wanted) -> Part:
        who, origin, limit = caller.who, caller.origin, listing.limit
        if listing.before:
            found = await self._audit.oldest(
                who, wanted, after=_pos(listing.before, "before"), limit=limit, origin=origin
            )
            rows = list(reversed(found.rows))
            newer = str(rows[0].pos) if len(rows) == limit else None
            listing.found(next=str(rows[-1].pos) if rows else None, previous=newer)
            return Part(rows, None)
        before = _pos(listing.after, "after") if listing.after else END
        found = await self._audit.newest(who, wanted, before=before, limit=limit, origin=origin)
        first = str(found.rows[0].pos) if found.rows else None
        listing.found(next=str(found.next) if found.next else None, previous=first if listing.after else None)
        return found

    def _tried(self, visit: Visit, filters: Mapping[str, str]) -> tuple[Wanted, dict[str, str]]:
        try:
            return self._wanted(visit, filters), dict.fromkeys(_FILTERS, "")
        except Invalid as error:
            return Wanted(), {**dict.fromkeys(_FILTERS, ""), error.field: str(error)}

    def _wanted(self, visit: Visit, filters: Mapping[str, str]) -> Wanted:
        """What the filters ask for. Raises `Invalid`."""
        now, zone = self._frame.now(), visit.look.zone
        since = read_moment(filters["since"], now, zone, "since") if filters["since"] else None
        until = read_moment(filters["until"], now, zone, "until") if filters["until"] else None
        if since is not None and until is not None and since >= until:
            raise Invalid("until", "a span ends after it begins")
        if not _spanned(filters):
            since = now - _SPAN * _DAY
        path, within = _object(filters["object"])
        kinds = (filters["kind"],) if filters["kind"] else ()
        return Wanted(filters["actor"] or None, kinds, path, within, filters["request"] or None, since, until)


def _spanned(filters: Mapping[str, str]) -> bool:
    """Whether somebody said when, or asks for one request: else only the last days are looked at."""
    return bool(filters["since"] or filters["until"] or filters["request"])


def _object(text: str) -> tuple[str | None, bool]:
    if not text or text == "**":
        return None, False
    path = text.removesuffix("/**").removesuffix("/")
    if "*" in path:
        raise Invalid("object", "name a repository or a namespace, or all below one as in team/**")
    return path, path != text


def _pos(text: str, field: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Invalid(field, "this is no place of this list")
    return int(text)


def _fields(row: SealedRow) -> dict[str, Any]:
    origin = json.loads(row.origin) if row.origin else {}
    return {
        "pos": row.pos,
        "at": rfc3339(row.at),
        "actor": row.actor,
        "kind": row.kind,
        "path": row.path or "",
        "credential": str(origin.get("credential", "")),
        "address": str(origin.get("address", "")),
        "agent": str(origin.get("agent", "")),
        "request": row.request,
        "data": json.loads(row.data),
    }


def _cell(value: object) -> str | int:
    if isinstance(value, int):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _entry(row: SealedRow) -> Entry:
    told = _fields(row)
    data: dict[str, Any] = told["data"]
    refused = row.kind in _REFUSED
    reason = str(data.get("reason", "")) if refused else ""
    if row.kind == ChangeKind.QUOTA_EXCEEDED:
        reason = f"the quota of {data.get('quota', '')} is used up"
    times = data.get("count")
    return Entry(
        row.pos,
        row.at,
        row.actor,
        words_of(row.kind).removesuffix(" of").removesuffix(" on").removesuffix(" to"),
        row.kind,
        row.path or "",
        _about(data, row.path or ""),
        reason,
        refused,
        times if isinstance(times, int) else 1,
        told["address"],
        told["agent"],
        told["credential"],
        row.request,
        row.request.removeprefix("job-") if row.request.startswith("job-") else "",
        json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False),
    )


def _about(data: Mapping[str, Any], path: str) -> str:
    """What a row names: the first of what could be its object, beside its path."""
    for name in _NAMED:
        value = data.get(name)
        if isinstance(value, list) and value:
            more = f" and {len(value) - 3} more" if len(value) > 3 else ""
            return ", ".join(map(str, value[:3])) + more
        if isinstance(value, str) and value and value != path:
            return value
    return ""
