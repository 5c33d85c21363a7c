"""`/audit`: the journal, and proofs that it is whole."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from holdfast.access.auditing.service import Audit
from holdfast.access.errors import Invalid
from holdfast.api.caller import Asking
from holdfast.api.page import Page, Paged
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import GivenMoment, Input, Moment, Output
from holdfast.journal.archive import Kept
from holdfast.journal.chain import SealedRow, row_line
from holdfast.journal.reading import END, Wanted

_HASH = 64


class RowView(Output):
    """One row of the audit. `path`: the repository or namespace that it is about, '' for the installation as a whole;
    `data` depends on the kind."""

    pos: int
    at: Moment
    actor: str
    kind: str
    path: str
    credential: str
    address: str
    agent: str
    request: str
    data: dict[str, Any]


class FindingView(Output):
    """Something that does not fit. `segment` 0: it belongs to none."""

    segment: int
    what: str


class AuditCheckView(Output):
    """What one part of a check gave. `next` and `head`: what the next part is asked with; `next` null at the end."""

    segments: int
    rows: int
    archived: int
    checkpoints: int
    findings: list[FindingView]
    next: int | None
    head: str


class CheckpointCheckView(Output):
    """What is wrong with a checkpoint; nothing, when it is on the chain."""

    findings: list[FindingView]


class TailView(Output):
    """Where the audit ends: the last segment, its last row and its hash, the newest checkpoint, and the rows that are
    not sealed yet."""

    segment: int
    pos: int
    hash: str
    checkpoint: int
    unsealed: int
    oldest_unsealed: Moment | None


class SigningKeyView(Output):
    """A public key that checkpoints are signed with (RFC 7517)."""

    kty: str
    crv: str
    use: str
    alg: str
    kid: str
    x: str
    y: str


class KeysView(Output):
    """A JWK set."""

    keys: list[SigningKeyView]


class SegmentView(Output):
    """A segment with its rows, each as the line that it was hashed as."""

    n: int
    first_pos: int
    last_pos: int
    rows_hash: str
    hash: str
    previous: str
    sealed_at: int
    rows: list[str]


class HashView(Output):
    """The hash of a segment."""

    n: int
    hash: str


class Part(Input):
    """What to check: what follows the segment `after`, whose hash is `head`; both of the answer to the part before."""

    after: int = Field(default=0, ge=0, lt=END)
    head: str = Field(default="", max_length=_HASH)


class CheckpointLine(Input):
    """A checkpoint as it stands in the log, the file or the bucket."""

    checkpoint: str = Field(max_length=4096)


class Drop(Input):
    """The last of the segments whose rows are kept elsewhere now, and its hash."""

    through: int = Field(ge=1, lt=END)
    hash: str = Field(min_length=_HASH, max_length=_HASH)


class Dropped(Output):
    """How many rows went."""

    rows: int


class AuditHandlers:
    """The operations on the audit."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def list_audit(
        self,
        caller: Asking,
        paging: Paged,
        *,
        actor: Annotated[str | None, Query(max_length=512, description="As in `actor`: `user:alice`.")] = None,
        kind: Annotated[
            list[str] | None, Query(max_length=50, description="`grant.added`, or `grant` for all that begin so.")
        ] = None,
        repository: Annotated[
            str | None, Query(max_length=260, description="A repository or namespace; `team/**` is all below it, too.")
        ] = None,
        request_id: Annotated[str | None, Query(max_length=128)] = None,
        since: GivenMoment | None = None,
        until: GivenMoment | None = None,
        order: Literal["newest", "oldest"] = "newest",
    ) -> Page[RowView]:
        """Read the audit: the rows of repositories and namespaces on which the caller has `read-audit`.

        Newest first, or oldest first. A page may be shorter than asked for and still have a next one. Oldest first,
        there is always a next page: what happens later.
        """
        path, within = _place(repository)
        wanted = Wanted(actor, tuple(kind or ()), path, within, request_id, since, until)
        who, origin, limit = caller.who, caller.origin, paging.limit
        if order == "newest":
            before = paging.after_number() or END
            found = await self._audit.newest(who, wanted, before=before, limit=limit, origin=origin)
        else:
            after = paging.after_number()
            found = await self._audit.oldest(who, wanted, after=after, limit=limit, origin=origin)
        return paging.part(found.rows, row_view, found.next)

    async def show_audit_tail(self, caller: Asking) -> TailView:
        """Where the audit ends, and what is not sealed yet."""
        return TailView.model_validate(await self._audit.tail(caller.who, origin=caller.origin))

    async def check_audit(self, caller: Asking, part: Part) -> AuditCheckView:
        """Check a part of the audit against its chain; ask again with `next` and `head` until `next` is null."""
        page = await self._audit.check(caller.who, after=part.after, head=part.head, origin=caller.origin)
        return AuditCheckView.model_validate(page)

    async def check_audit_checkpoint(self, caller: Asking, line: CheckpointLine) -> CheckpointCheckView:
        """Hold a checkpoint that was kept elsewhere against the chain."""
        findings = await self._audit.check_checkpoint(caller.who, line.checkpoint, origin=caller.origin)
        return CheckpointCheckView(findings=[FindingView.model_validate(each) for each in findings])

    async def list_audit_keys(self, caller: Asking) -> KeysView:
        """The public keys that checkpoints are signed with."""
        found = await self._audit.public_keys(caller.who, origin=caller.origin)
        return KeysView(keys=[SigningKeyView(**each) for each in found])

    async def list_audit_segments(
        self,
        caller: Asking,
        sealed_before: Annotated[GivenMoment, Query()],
        paging: Paged,
    ) -> Page[SegmentView]:
        """The oldest segments that were sealed before a time and are not archived, with their rows, to be archived."""
        after = paging.after_number()
        found = await self._audit.segments(caller.who, after=after, sealed_before=sealed_before, origin=caller.origin)
        return paging.part(found, segment_view, found[-1].segment.n if found else None)

    async def list_audit_hashes(self, caller: Asking, paging: Paged) -> Page[HashView]:
        """The hashes of all segments, archived ones too, to hold archives against."""
        found = await self._audit.hashes(
            caller.who, after=paging.after_number(), limit=paging.fetch, origin=caller.origin
        )
        return paging.page(found, lambda each: HashView(n=each.n, hash=each.hash.hex()), lambda each: each.n)

    async def drop_audit_segments(self, caller: Asking, drop: Drop) -> Dropped:
        """Drop the rows of segments that are kept elsewhere. For administrators; their hashes stay."""
        return Dropped(rows=await self._audit.drop(caller.who, drop.through, drop.hash, origin=caller.origin))


def row_view(row: SealedRow) -> RowView:
    """A row as the API shows it."""
    origin = json.loads(row.origin) if row.origin else {}
    return RowView(
        pos=row.pos,
        at=row.at,
        actor=row.actor,
        kind=row.kind,
        path=row.path or "",
        credential=str(origin.get("credential", "")),
        address=str(origin.get("address", "")),
        agent=str(origin.get("agent", "")),
        request=row.request,
        data=json.loads(row.data),
    )


def segment_view(kept: Kept) -> SegmentView:
    """A segment as it is archived."""
    segment = kept.segment
    return SegmentView(
        n=segment.n,
        first_pos=segment.first_pos,
        last_pos=segment.last_pos,
        rows_hash=segment.rows_hash.hex(),
        hash=segment.hash.hex(),
        previous=kept.previous,
        sealed_at=segment.sealed_at,
        rows=list(map(row_line, kept.rows)),
    )


def _place(repository: str | None) -> tuple[str | None, bool]:
    """The path, and whether what is below it is meant, too."""
    if repository is None or repository == "**":
        return None, False
    path = repository.removesuffix("/**")
    if "*" in path:
        raise Invalid("repository", "name a repository or a namespace, or all below one as in team/**")
    return path, path != repository


def audit_routes(audit: Audit) -> Routes:
    """The routes of `/audit`."""
    on = AuditHandlers(audit)
    return routes(
        "/audit",
        "audit",
        Route("GET", "", on.list_audit),
        Route("GET", "/tail", on.show_audit_tail),
        Route("POST", "/check", on.check_audit),
        Route("POST", "/check-checkpoint", on.check_audit_checkpoint),
        Route("GET", "/keys", on.list_audit_keys),
        Route("GET", "/segments", on.list_audit_segments),
        Route("GET", "/hashes", on.list_audit_hashes),
        Route("POST", "/drop", on.drop_audit_segments),
    )
