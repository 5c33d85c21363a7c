"""`/promotions`: an image becomes another repository's as well, or another tag's, on the server."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from holdfast.access.errors import Invalid
from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Output
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag, parse_image
from holdfast.registry.promotion.model import Promoted, Wanted
from holdfast.registry.promotion.service import Promotion

_IMAGE = 512


class PromotedTag(Output):
    """A tag of the target. `effect`: `create`, `move` (away from `was`, null where the caller may not pull it), `same`;
    `keep`: it belongs to a digest, and the target has another, which stays."""

    name: str
    effect: Literal["create", "move", "same", "keep"]
    was: str | None


class PromotionView(Output):
    """What was promoted, or would be. `manifests`: the image or index, its children, and what refers to any of them
    (`referrers`); `bytes`: of all of it; `added`: of what the target did not have, null where the caller may not read
    all of the target."""

    digest: str
    dry_run: bool
    manifests: int
    referrers: int
    blobs: int
    bytes: int
    added: int | None
    tags: list[PromotedTag]


class GivenPromotion(Input):
    """Without a tag at the source: `latest`; without one at the target: that of the source, none after a digest."""

    source: str = Field(max_length=_IMAGE, description="`REPOSITORY[:TAG]` or `REPOSITORY@DIGEST`.")
    target: str = Field(max_length=_IMAGE, description="`REPOSITORY[:TAG]`; the same repository is a retag.")
    referrers: bool = Field(default=True, description="With signatures, SBOMs and whatever else refers to it.")
    dry_run: bool = Field(default=False, description="Only say what would be done.")


class PromotionHandlers:
    """The operation of promotions."""

    def __init__(self, access: Access, promotion: Promotion) -> None:
        self._access = access
        self._promotion = promotion

    async def promote(self, caller: Asking, given: GivenPromotion) -> PromotionView:
        """Let an image, with all that belongs to it, be in another repository as well, or under another tag.

        No byte moves, and all of it is there at once or nothing is. The caller may pull it at the source, and push and
        sign it at the target.
        """
        source, reference = parse_image(given.source)
        target, tag = parse_image(given.target)
        if isinstance(tag, Digest):
            raise Invalid("target", "the digest is that of the source: name a tag, or the repository alone")
        reference = reference if reference is not None else Tag("latest")
        if tag is None and not isinstance(reference, Digest):
            tag = reference
        permit = self._access.path(caller.who, "", caller.origin)
        wanted = Wanted(source, reference, target, tag, given.referrers)
        found = await self._promotion.promote(permit, wanted, dry_run=given.dry_run)
        return _view(found, dry_run=given.dry_run)


def _view(found: Promoted, *, dry_run: bool) -> PromotionView:
    tags = [PromotedTag(name=tag.name, effect=tag.effect.value, was=tag.was) for tag in found.tags]
    return PromotionView(
        digest=found.digest,
        dry_run=dry_run,
        manifests=found.manifests,
        referrers=found.referrers,
        blobs=found.blobs,
        bytes=found.bytes,
        added=found.added,
        tags=tags,
    )


def promotion_routes(access: Access, promotion: Promotion) -> Routes:
    """The routes of `/promotions`."""
    on = PromotionHandlers(access, promotion)
    return routes("/promotions", "promotions", Route("POST", "", on.promote))
