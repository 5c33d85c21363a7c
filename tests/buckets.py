"""A bucket of a real object store, as a test holds it."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from holdfast.blobs.bucket import SMALL, Patience
from holdfast.blobs.objects import ObjectBlobs, open_object_store

REGION = "us-east-1"
INSTALLATION = "0198-contract"
numbers = itertools.count()
"""Names of buckets are numbered over all servers of the test process."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A fresh bucket: its address as a user writes it, and the environment that holds the credentials."""

    url: str
    environment: dict[str, str]
    directory: Path | None = None
    """Where the server keeps it, if it keeps it in files."""

    def store(self, *, public_endpoint: str | None = None, patience: Patience = SMALL) -> ObjectBlobs:
        """A store in it, not yet opened."""
        with patch.dict(os.environ, self.environment):
            return open_object_store(self.url, public_endpoint=public_endpoint, patience=patience)

    def run(self, scenario: Callable[[ObjectBlobs], Awaitable[None]]) -> None:
        """Run `scenario` on an open store in it."""

        async def main() -> None:
            store = self.store()
            await store.open(INSTALLATION)
            try:
                await scenario(store)
            finally:
                await store.close()

        asyncio.run(main())

    def at(self, endpoint: str) -> Bucket:
        """The same bucket reached through another address, as through a proxy."""
        place, _, query = self.url.partition("?")
        rest = [each for each in query.split("&") if not each.startswith("endpoint=")]
        return Bucket(f"{place}?{'&'.join([f'endpoint={endpoint}', *rest])}", self.environment, self.directory)

    @property
    def endpoint(self) -> str:
        """Where its server answers."""
        return self.url.partition("endpoint=")[2].partition("&")[0]

    def parts(self) -> list[Path]:
        """The files of uploads in parts that were neither finished nor given up."""
        assert self.directory is not None
        return [path for path in (self.directory / ".sgwtmp").rglob("*") if path.is_file()]
