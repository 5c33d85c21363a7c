"""Receiving a whole blob: in the database when it is small, in one thread job up to 1 MiB, streamed above."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from holdfast.blobs.key import new_key
from holdfast.blobs.port import BlobStore
from holdfast.oci.digest import Digest
from holdfast.registry.content import Offer
from holdfast.registry.errors import DigestMismatch
from holdfast.registry.upload.session import staged_name

_WHOLE_LIMIT = 1 << 20


class Gathered(NamedTuple):
    """The first pieces of a body. `ended`: they are all of it."""

    pieces: list[bytes]
    size: int
    ended: bool


async def gather(body: AsyncIterator[bytes], limit: int) -> Gathered:
    """Hold pieces of `body` until it ends or there are more than `limit` bytes; the rest can still be read from it."""
    pieces: list[bytes] = []
    size = 0
    async for piece in body:
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            return Gathered(pieces, size, ended=False)
    return Gathered(pieces, size, ended=True)


async def after(early: bytes, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """`early`, then what `body` brings."""
    if early:
        yield early
    async for piece in body:
        yield piece


async def receive_whole(
    blobs: BlobStore, inline_limit: int, digest: Digest, body: AsyncIterator[bytes], clock: Callable[[], int]
) -> Offer:
    """The blob of `body`, durable and verified, under a key of its own, issued by `clock` when all of it is here.

    Raises `DigestMismatch`, `BlobError`.
    """
    held, size, ended = await gather(body, _WHOLE_LIMIT)
    if not ended:
        return await _stream(blobs, digest, held, body, clock)
    if size <= inline_limit:
        data = b"".join(held)
        _compare(digest, Digest.of(data, digest.algorithm))
        return Offer(digest, size, data, None)
    key = new_key(clock())
    got = await blobs.put(key, held, digest.algorithm)
    if got.digest != digest:
        await blobs.delete(key)
        _compare(digest, got.digest)
    return Offer(digest, size, None, key)


async def _stream(
    blobs: BlobStore, digest: Digest, held: list[bytes], body: AsyncIterator[bytes], clock: Callable[[], int]
) -> Offer:
    name = staged_name(os.urandom(16), clock())
    async with blobs.receive(name, digest.algorithm) as receiver:
        for piece in held:
            await receiver.write(piece)
        held.clear()
        async for piece in body:
            await receiver.write(piece)
        got = await receiver.checkpoint()
        if got.digest != digest:
            await receiver.rollback()
            _compare(digest, got.digest)
        key = new_key(clock())
        await blobs.publish(name, key)
    return Offer(digest, got.size, None, key)


def _compare(digest: Digest, found: str | None) -> None:
    if found != digest:
        raise DigestMismatch("the bytes do not hash to the digest that was given", expected=digest, found=found)
