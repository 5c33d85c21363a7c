"""Uploads, mounts and manifest pushes (distribution specification, "Push")."""

from __future__ import annotations

from holdfast.access.model import PullPermit, PushPermit
from holdfast.access.policy.model import Action
from holdfast.distribution.answer import Answer, AnyAnswer, Headers
from holdfast.distribution.request import BadRequest, Request
from holdfast.oci import manifest as oci_manifest
from holdfast.oci.digest import ALGORITHMS, Digest
from holdfast.oci.errors import DigestInvalid
from holdfast.oci.httprange import parse_content_range
from holdfast.oci.name import Tag, parse_reference, signed_digest
from holdfast.registry.errors import SizeMismatch, TooLarge
from holdfast.registry.push.service import ManifestPut, Push, Pushed
from holdfast.registry.upload.intake import Chunk
from holdfast.registry.upload.mount import Mount
from holdfast.registry.upload.service import Upload
from holdfast.registry.upload.session import Session

_MAX_TAGS = 50


class PushHandlers:
    """The handlers of a push. `chunk_min`: the least size of a chunk that clients are asked for, in bytes."""

    def __init__(self, upload: Upload, mount: Mount, push: Push, *, chunk_min: int) -> None:
        self._upload = upload
        self._mount = mount
        self._push = push
        self._chunk_min = (b"oci-chunk-min-length", b"%d" % chunk_min)

    async def start(self, request: Request, permit: PushPermit, source: PullPermit | None) -> AnyAnswer:
        """POST: a session, a mount (`mount`, with `source` the permit to read `from`), or a whole blob (`digest`)."""
        mount = request.query("mount")
        if mount is not None:
            digest = Digest.parse(mount)
            if source is not None and await self._mount.blob(permit, source, digest):
                return _blob_created(permit, digest)
        given = request.query("digest")
        if given is not None and mount is None:
            digest = Digest.parse(given)
            await self._upload.put(permit, digest, Chunk(request.body(), None, request.length))
            return _blob_created(permit, digest)
        algorithm = request.query("digest-algorithm") or "sha256"
        if algorithm not in ALGORITHMS:
            raise DigestInvalid("this digest algorithm is not supported", supported=sorted(ALGORITHMS))
        session = await self._upload.start(permit, algorithm)
        return Answer(202, [*_progress(permit, session, 0), self._chunk_min])

    async def status(self, _request: Request, permit: PushPermit, token: str) -> AnyAnswer:
        """GET of a session: how many bytes it holds."""
        session, received = await self._upload.status(permit, token)
        return Answer(204, _progress(permit, session, received))

    async def append(self, request: Request, permit: PushPermit, token: str) -> AnyAnswer:
        """PATCH: the next chunk."""
        session, received = await self._upload.append(permit, token, _chunk(request))
        return Answer(202, _progress(permit, session, received))

    async def finish(self, request: Request, permit: PushPermit, token: str) -> AnyAnswer:
        """PUT: the last chunk, if any, and the digest of the whole."""
        given = request.query("digest")
        if given is None:
            raise DigestInvalid("the closing request of an upload names its digest: ?digest=<algorithm>:<hex>")
        digest = Digest.parse(given)
        await self._upload.finish(permit, token, digest, _chunk(request))
        return _blob_created(permit, digest)

    async def cancel(self, _request: Request, permit: PushPermit, token: str) -> AnyAnswer:
        """DELETE of a session."""
        await self._upload.cancel(permit, token)
        return Answer(204, [])

    async def manifest(self, request: Request, permit: PushPermit, reference: str) -> AnyAnswer:
        """PUT of a manifest by tag, or by digest with any number of `?tag=`."""
        parsed = parse_reference(reference)
        tags = tuple(dict.fromkeys(Tag.parse(name) for name in request.queries("tag")))
        if len(tags) > _MAX_TAGS:
            raise BadRequest(f"one push names at most {_MAX_TAGS} tags")
        if not isinstance(parsed, Digest):
            if tags:
                raise BadRequest("tags in the query need a digest in the path")
            tags = (parsed,)
        data = await request.whole_body(oci_manifest.MAX_BYTES)
        if data is None:
            raise TooLarge(f"a manifest has at most {oci_manifest.MAX_BYTES} bytes", limit=oci_manifest.MAX_BYTES)
        digest = parsed if isinstance(parsed, Digest) else None
        pushed = await self._push.manifest(permit, ManifestPut(data, request.text(b"content-type"), digest, tags))
        request.did = _did(pushed, tags)
        headers: Headers = [
            (b"location", f"/v2/{permit.repository}/manifests/{pushed.digest}".encode()),
            (b"docker-content-digest", pushed.digest.encode()),
        ]
        if pushed.subject is not None:
            headers.append((b"oci-subject", pushed.subject.encode()))
        if digest is not None:
            headers.extend((b"oci-tag", tag.encode()) for tag in tags)
        return Answer(201, headers)


def _did(pushed: Pushed, tags: tuple[Tag, ...]) -> list[tuple[Action, str]]:
    """The rights that a push used: to make tags and to move them, to sign; without any tag, to push at all."""
    signs = pushed.subject is not None
    did: list[tuple[Action, str]] = []
    for action, names in ((Action.CREATE_TAG, pushed.made), (Action.OVERWRITE, pushed.moved)):
        for name in names:
            if signed_digest(name) is None:
                did.append((action, str(name)))
            else:
                signs = True
    if signs:
        did.append((Action.SIGN, ""))
    elif not tags:
        did.append((Action.CREATE_TAG, ""))
    return did


def _chunk(request: Request) -> Chunk:
    """The body with what its headers say of it. Raises `SizeMismatch` when they disagree."""
    length = request.length
    text = request.text(b"content-range")
    if not text:
        return Chunk(request.body(), None, length)
    first, last = parse_content_range(text)
    if length is not None and length != last - first + 1:
        raise SizeMismatch("Content-Range and Content-Length disagree")
    return Chunk(request.body(), first, last - first + 1)


def _progress(permit: PushPermit, session: Session, received: int) -> Headers:
    return [
        (b"location", f"/v2/{permit.repository}/blobs/uploads/{session.token}".encode()),
        (b"range", b"0-%d" % max(received - 1, 0)),
        (b"docker-upload-uuid", session.token.encode()),
    ]


def _blob_created(permit: PushPermit, digest: Digest) -> Answer:
    location = f"/v2/{permit.repository}/blobs/{digest}".encode()
    return Answer(201, [(b"location", location), (b"docker-content-digest", digest.encode())])
