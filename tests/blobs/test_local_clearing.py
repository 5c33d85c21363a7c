"""A process that opens the store beside one that is writing: it clears nothing away from it, and fails over nothing."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from holdfast.blobs.files import Files
from holdfast.blobs.local import LocalBlobs

KEY = f"{1:014x}-{1:020x}"
OWNER = "an-installation"


class Vanishing(Files):
    """Lists a temporary that another process has made an object of by the time it is opened."""

    def listdir(self, path: str) -> list[str]:
        names = super().listdir(path)
        return [*names, f"put.{KEY}"] if path.endswith("/uploads") else names


class Cleared(Files):
    """Another process finds each new temporary before its maker has locked it: it locks it, and then clears it away."""

    def __init__(self) -> None:
        self.cleared = 0
        self._other = -1

    def open(self, path: str, flags: int) -> int:
        fd = super().open(path, flags)
        if flags & os.O_CREAT and "/put." in path and not self.cleared:
            self.cleared += 1
            self._other = super().open(path, os.O_RDWR)
            super().lock(self._other)
            super().unlink(path)
        return fd

    def lock_wait(self, fd: int) -> None:
        if self._other >= 0:
            os.close(self._other)
            self._other = -1
        super().lock_wait(fd)


def test_a_temporary_that_goes_while_the_store_is_opened_is_no_failure(tmp_path: Path) -> None:
    async def scenario() -> None:
        blobs = LocalBlobs(str(tmp_path), Vanishing())
        try:
            await blobs.open(OWNER)
        finally:
            await blobs.close()

    asyncio.run(scenario())


def test_a_temporary_that_is_cleared_before_it_is_locked_is_made_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        files = Cleared()
        blobs = LocalBlobs(str(tmp_path), files)
        try:
            await blobs.open(OWNER)
            await blobs.put(KEY, [b"small"], "sha256")
            assert files.cleared == 1
            assert await blobs.read(KEY, 0, 5) == b"small"
        finally:
            await blobs.close()

    asyncio.run(scenario())
