"""Bringing objects from one store to another, and reading back what came."""

from __future__ import annotations

from contextlib import aclosing

from holdfast.blobs.errors import Missing
from holdfast.blobs.port import BlobStore
from holdfast.registry.model import Stored
from holdfast.registry.objects import Objects


async def carry(old: BlobStore, new: BlobStore, key: str) -> bool | None:
    """Copy the object as it lies, unless one as long is there (None); False when there is none to copy.

    Raises `BlobError`.
    """
    size = await old.size(key)
    if size is None:
        return False
    there = await new.size(key)
    if there == size:
        return None
    if there is not None:
        await new.delete(key)
    try:
        async with new.create(key, None, size=size) as writer, aclosing(old.chunks(key, 0, size)) as chunks:
            async for chunk in chunks:
                await writer.write(chunk)
            await writer.finish()
    except Missing:
        return False  # it went meanwhile
    return True


async def is_whole(objects: Objects, stored: Stored, digest: str, size: int) -> bool:
    """Whether the content reads as what its digest says. Raises `BlobError` but for what is missing."""
    try:
        found = await objects.digest(stored, digest.partition(":")[0])
    except Missing:
        return False
    return found == digest and stored.size == size
