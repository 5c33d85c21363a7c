"""Receiving a whole blob: in the database when it is small, in one step up to 1 MiB, streamed above."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from holdfast.blobs.key import new_key
from holdfast.blobs.port import Staging
from holdfast.oci.digest import Digest
from holdfast.registry.content import Offer
from holdfast.registry.model import Segment
from holdfast.registry.objects import Objects
from holdfast.registry.upload.intake import Body, Chunk, mismatch
from holdfast.registry.upload.session import staged_name

_WHOLE_LIMIT = 1 << 20


class Gathered(NamedTuple):
    """The first pieces of a body. `ended`: they are all of it."""

    pieces: list[bytes]
    size: int
    ended: bool


async def gather(body: Body, limit: int) -> Gathered:
    """Hold pieces of `body` until it ends or there are more than `limit` bytes; the rest can still be read from it."""
    pieces: list[bytes] = []
    size = 0
    async for piece in body:
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            return Gathered(pieces, size, ended=False)
    return Gathered(pieces, size, ended=True)


async def after(early: bytes, body: Body) -> AsyncIterator[bytes]:
    """`early`, then what `body` brings."""
    if early:
        yield early
    async for piece in body:
        yield piece


async def receive_whole(
    objects: Objects, inline_limit: int, digest: Digest, chunk: Chunk, clock: Callable[[], int]
) -> Offer:
    """The blob that `chunk` brings, durable and verified, under a key of its own, issued by `clock`.

    Raises `DigestMismatch`, `BlobError`.
    """
    held, size, ended = await gather(chunk.body, _WHOLE_LIMIT)
    seal = objects.fresh()
    if ended and size <= inline_limit:
        data = b"".join(held)
        _compare(digest, Digest.of(data, digest.algorithm))
        return Offer(digest, size, seal.close(digest, data), wrapped=seal.wrapped(digest))
    if ended:
        key = new_key(clock())
        got = await seal.store.put(key, held, digest.algorithm)
    elif objects.staging is not None:
        return await _stage(objects.staging, digest, _Streamed(held, chunk.body), clock)
    else:
        key = new_key(clock())
        async with seal.store.create(key, digest.algorithm, size=chunk.length) as writer:
            for piece in held:
                await writer.write(piece)
            held.clear()
            async for piece in chunk.body:
                await writer.write(piece)
            got = await writer.finish()
    if got.digest != digest:
        await objects.blobs.delete(key)
        _compare(digest, got.digest)
    return Offer(digest, got.size, None, (Segment(key, got.size),), seal.wrapped(digest))


class _Streamed(NamedTuple):
    """A body of which some was looked at already."""

    held: list[bytes]
    rest: Body


async def _stage(staging: Staging, digest: Digest, body: _Streamed, clock: Callable[[], int]) -> Offer:
    """Where bytes can be staged the key is issued when they are all here, however long they took."""
    name = staged_name(os.urandom(16), clock())
    async with staging.receive(name, digest.algorithm) as receiver:
        for piece in body.held:
            await receiver.write(piece)
        body.held.clear()
        async for piece in body.rest:
            await receiver.write(piece)
        got = await receiver.checkpoint()
        if got.digest != digest:
            await receiver.rollback()
            _compare(digest, got.digest)
        key = new_key(clock())
        await staging.publish(name, key)
    return Offer(digest, got.size, None, (Segment(key, got.size),))


def _compare(digest: Digest, found: str | None) -> None:
    if found != digest:
        raise mismatch(digest, found or "")
