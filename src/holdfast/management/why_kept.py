"""`/why-kept`: what keeps content, and when it may go."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query

from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Moment, Output
from holdfast.oci.digest import Digest
from holdfast.registry.collect.why import Kept, WhyKept

ReasonWord = Literal["tag", "history", "deleted", "pushed", "lease", "pending", "repository-deleted"]
StateWord = Literal["stored", "damaged", "awaited", "purged"]


class KeptReasonView(Output):
    """One thing that keeps it. `tag`: a tag is on it; `history`: a tag was; `deleted`: it can be restored; `pushed`: a
    manifest since its push; `lease`: somebody was told that it is here; `pending`: the collector looks at it then;
    `repository-deleted`: the repository can be restored. `via`: on what lies above it, from the content upwards; `tag`
    null: none, or one that you may not see; `until` null: for ever."""

    reason: ReasonWord
    via: list[str]
    tag: str | None
    at: Moment | None
    until: Moment | None


class PlaceView(Output):
    """The content in one repository. `deleted`: it answers 404 there; `more`: there is more than is listed;
    `pending_at`: when the collector looks at it; `may_go_at`: not before, null: as long as something keeps it."""

    repository: str
    kind: Literal["manifest", "blob"]
    deleted: bool
    reasons: list[KeptReasonView]
    more: bool
    pending_at: Moment | None
    may_go_at: Moment | None


class KeptView(Output):
    """Content, and every repository in the caller's sight that has it. `more`: there are more repositories;
    `orphaned_at`: since when no repository has it, for operators."""

    digest: str
    bytes: int
    state: StateWord
    repositories: list[PlaceView]
    more: bool
    orphaned_at: Moment | None


class WhyKeptHandlers:
    """The operations on what keeps content."""

    def __init__(self, access: Access, why: WhyKept) -> None:
        self._access = access
        self._why = why

    async def explain_kept(
        self,
        caller: Asking,
        digest: Annotated[str, Query(max_length=160)],
        repository: Annotated[str | None, Query(max_length=255, description="Only in this repository.")] = None,
    ) -> KeptView:
        """Why content is kept in each repository that the caller may see it in, and when it may go."""
        permit = self._access.path(caller.who, repository or "", caller.origin)
        return _view(await self._why.explain(permit, Digest.parse(digest), repository))


def _view(kept: Kept) -> KeptView:
    places = [
        PlaceView(
            repository=place.repository,
            kind="manifest" if place.manifest else "blob",
            deleted=place.deleted,
            reasons=[
                KeptReasonView(
                    reason=each.kind,  # type: ignore[arg-type]
                    via=list(each.via),
                    tag=each.tag,
                    at=each.at,
                    until=each.until,
                )
                for each in place.reasons
            ],
            more=place.more,
            pending_at=place.due,
            may_go_at=place.may_go_at,
        )
        for place in kept.places
    ]
    return KeptView(
        digest=kept.digest,
        bytes=kept.size,
        state=kept.state.name.lower(),  # type: ignore[arg-type]
        repositories=places,
        more=kept.more,
        orphaned_at=kept.orphaned_at,
    )


def why_kept_routes(access: Access, why: WhyKept) -> Routes:
    """The routes of `/why-kept`."""
    on = WhyKeptHandlers(access, why)
    return routes("/why-kept", "why-kept", Route("GET", "", on.explain_kept))
