"""GET and HEAD of manifests and blobs (distribution specification, "Pull"; RFC 9110, 13 and 14)."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.access.model import PullPermit
from holdfast.distribution.answer import Answer, AnyAnswer, Headers, StreamAnswer
from holdfast.distribution.request import Request, Scope
from holdfast.oci.digest import Digest
from holdfast.oci.errors import RangeInvalid
from holdfast.oci.httprange import parse_range
from holdfast.oci.name import parse_reference
from holdfast.registry.model import StoredBlob
from holdfast.registry.pull.service import Pull

_IN_ONE_BODY = 1 << 20
_LINK_SECONDS = 300
_FOREVER = b"max-age=31536000, immutable"


Redirected = Callable[[Scope, int], bool]
Handed = Callable[[Scope], Callable[[str], str] | None]


class PullHandlers:
    """The handlers of a pull. `public`: whether anonymous clients may pull, so that shared caches may keep answers.
    `redirected`: whether the client of a scope gets a blob of this size from the store itself, if that can be.
    `handed`: for the scope of a proxy that sends files by itself, what it calls the object of a key; else None."""

    def __init__(
        self, pull: Pull, *, public: bool, redirected: Redirected | None = None, handed: Handed | None = None
    ) -> None:
        self._pull = pull
        self._redirected = redirected
        self._handed = handed
        self._cache = (b"cache-control", (b"public, " if public else b"private, ") + _FOREVER)

    async def manifest(self, request: Request, permit: PullPermit, reference: str) -> AnyAnswer:
        """GET or HEAD of a manifest by tag or digest."""
        parsed = parse_reference(reference)
        if request.method == "HEAD":
            found = await self._pull.manifest_head(permit, parsed)
        else:
            found = await self._pull.manifest(permit, parsed)
        request.sent = found.digest
        digest = found.digest.encode()
        headers: Headers = [(b"docker-content-digest", digest), (b"etag", b'"' + digest + b'"')]
        if isinstance(parsed, Digest):
            headers.append(self._cache)
        if _unchanged(request, digest):
            return Answer(304, headers)
        headers.append((b"content-type", found.media_type.encode()))
        return Answer(200, headers, found.data, found.size)

    async def blob(self, request: Request, permit: PullPermit, reference: str) -> AnyAnswer:
        """GET or HEAD of a blob, whole or one range of it."""
        digest = Digest.parse(reference)
        head = request.method == "HEAD"
        blob = await (self._pull.blob_head(permit, digest) if head else self._pull.blob(permit, digest))
        name = digest.encode()
        headers: Headers = [
            (b"docker-content-digest", name),
            (b"etag", b'"' + name + b'"'),
            (b"accept-ranges", b"bytes"),
            self._cache,
        ]
        if _unchanged(request, name):
            return Answer(304, headers)
        headers.append((b"content-type", b"application/octet-stream"))
        headers.append((b"content-disposition", b"attachment"))
        if head:
            return Answer(200, headers, b"", blob.size)
        if self._redirected is not None and blob.stored is not None and self._redirected(request.scope, blob.size):
            url = await self._pull.link(permit, blob, _LINK_SECONDS)
            if url is not None:
                request.elsewhere = blob.size
                # The URL ends soon: nobody may keep this answer.
                target: Headers = [(b"location", url.encode()), (b"cache-control", b"private, no-store")]
                return Answer(307, [(b"docker-content-digest", name), *target])
        return await self._body(request, permit, blob, headers)

    async def _body(self, request: Request, permit: PullPermit, blob: StoredBlob, headers: Headers) -> AnyAnswer:
        status, start, end = 200, 0, blob.size
        whole = headers
        if b"range" in request.headers:
            try:
                span = parse_range(request.text(b"range"), blob.size)
            except RangeInvalid as error:
                raise Unsatisfiable(error, blob.size) from error
            if span is not None:
                status, (start, end) = 206, span
                content_range = b"bytes %d-%d/%d" % (start, end - 1, blob.size)
                headers = [*whole, (b"content-range", content_range)]
        length = end - start
        if length <= _IN_ONE_BODY:
            return Answer(status, headers, await self._pull.read(permit, blob, start, end))
        name = self._handed(request.scope) if self._handed is not None else None
        key = await self._pull.place(permit, blob) if name is not None else None
        if name is not None and key is not None:
            request.elsewhere = length
            # The proxy sends the file in place of this body, and takes from it what the client's Range asks for.
            return Answer(200, [*whole, (b"x-accel-redirect", name(key).encode())])
        return StreamAnswer(status, headers, await self._pull.stream(permit, blob, start, end), length)


class Unsatisfiable(RangeInvalid):
    """A range outside of the blob; the answer names the blob's `size` (RFC 9110, 15.5.17)."""

    def __init__(self, cause: RangeInvalid, size: int) -> None:
        super().__init__(cause.reason, size=size)
        self.size = size


def _unchanged(request: Request, digest: bytes) -> bool:
    """Whether If-None-Match names what is there (RFC 9110, 13.1.2; weak comparison)."""
    header = request.headers.get(b"if-none-match")
    return header is not None and (header.strip() == b"*" or b'"' + digest + b'"' in header)
