"""Tags, the catalog and referrers (distribution specification, "Content Discovery")."""

from __future__ import annotations

import json
from urllib.parse import quote

from holdfast.access.model import CatalogPermit, PullPermit
from holdfast.distribution.answer import Answer, AnyAnswer, Headers
from holdfast.distribution.request import BadRequest, Request
from holdfast.oci.digest import Digest
from holdfast.registry.listing.filling import Page
from holdfast.registry.listing.service import Listing

_JSON = (b"content-type", b"application/json")
_INDEX = (b"content-type", b"application/vnd.oci.image.index.v1+json")
_LAST_LIMIT = 512


class ListHandlers:
    """The handlers of lists."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing

    async def tags(self, request: Request, permit: PullPermit) -> AnyAnswer:
        """GET of `tags/list`, with `n` and `last`."""
        n, last = _page_fields(request)
        page = await self._listing.tags(permit, last, n)
        body = json.dumps({"name": permit.repository, "tags": page.names}, separators=(",", ":")).encode()
        return Answer(200, [_JSON, *_next_link(f"/v2/{permit.repository}/tags/list", page, n)], body)

    async def catalog(self, request: Request, permit: CatalogPermit) -> AnyAnswer:
        """GET of `_catalog`, with `n` and `last`."""
        n, last = _page_fields(request)
        page = await self._listing.catalog(permit, last, n)
        body = json.dumps({"repositories": page.names}, separators=(",", ":")).encode()
        return Answer(200, [_JSON, *_next_link("/v2/_catalog", page, n)], body)

    async def referrers(self, request: Request, permit: PullPermit, reference: str) -> AnyAnswer:
        """GET of the referrers of a digest, filtered by `artifactType` if given."""
        subject = Digest.parse(reference)
        wanted = request.query("artifactType") or None
        found = await self._listing.referrers(permit, subject, wanted, _cursor(request.query("after")))
        index = {"schemaVersion": 2, "mediaType": _INDEX[1].decode(), "manifests": found.descriptors}
        headers: Headers = [_INDEX]
        if wanted is not None:
            headers.append((b"oci-filters-applied", b"artifactType"))
        if found.after is not None:
            kind = f"&artifactType={quote(wanted, safe='')}" if wanted is not None else ""
            path = f"/v2/{permit.repository}/referrers/{subject}?after={found.after}{kind}"
            headers.append((b"link", f'<{path}>; rel="next"'.encode()))
        # Not escaped: the page is bounded by the bytes of the annotations as they were pushed.
        return Answer(200, headers, json.dumps(index, separators=(",", ":"), ensure_ascii=False).encode())


def _page_fields(request: Request) -> tuple[int | None, str]:
    """`n` (None: absent) and `last` ('' when absent). Raises `BadRequest`."""
    text, last = request.query("n"), request.query("last") or ""
    if len(last) > _LAST_LIMIT or "\0" in last:
        raise BadRequest("'last' is not a name")
    if text is None:
        return None, last
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise BadRequest("'n' is not a number of entries")
    return int(text), last


def _cursor(text: str | None) -> int:
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise BadRequest("'after' is not a cursor that this registry gave")
    return int(text)


def _next_link(path: str, page: Page, n: int | None) -> Headers:
    if not page.more:
        return []
    size = f"n={n}&" if n is not None else ""
    return [(b"link", f'<{path}?{size}last={quote(page.names[-1], safe="")}>; rel="next"'.encode())]
