"""The sealer of this installation, and where its checkpoints go beside the database: the log, a file, a bucket.

A place that does not take a checkpoint is told in the log, which has it anyway; the next one goes there again.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.access.auditing.keys import WRAPPING_KEY, AuditKeys, compact
from holdfast.access.keyring import load_key
from holdfast.access.master import MasterKey
from holdfast.app.config import Settings
from holdfast.blobs.errors import BlobError
from holdfast.blobs.object_url import parse_bucket_url
from holdfast.db.port import Database
from holdfast.journal.chain import Checkpoint
from holdfast.journal.sealing import Sealer
from holdfast.telemetry.events import Events

if TYPE_CHECKING:
    from holdfast.blobs.bucket import Bucket


async def audit_keys(db: Database, master: MasterKey) -> AuditKeys:
    """The keys that sign checkpoints. Raises `WrongMasterKey`, `MasterKeyAway`."""
    return AuditKeys(db, await load_key(db, master, WRAPPING_KEY))


async def make_sealer(settings: Settings, db: Database, master: MasterKey, installation: str, events: Events) -> Sealer:
    """The part of this process in sealing the journal. Raises `WrongMasterKey`, `MasterKeyAway`."""
    keys = await audit_keys(db, master)
    return Sealer(db, installation, keys, Elsewhere(settings.audit.file, settings.audit.bucket, events).put, events)


class Elsewhere:
    """Where checkpoints go. `file`: gets a line each; `bucket`: gets an object each; either may be None."""

    def __init__(self, file: Path | None, bucket: str | None, events: Events) -> None:
        self._file = file
        self._url = bucket
        self._bucket: Bucket | None = None
        self._events = events

    async def put(self, checkpoint: Checkpoint) -> None:
        """Tell of a new checkpoint everywhere."""
        line = compact(checkpoint.text, checkpoint.kid, checkpoint.signature)
        head = json.loads(checkpoint.text)
        self._events.info("audit checkpoint", segment=checkpoint.n, pos=head["pos"], hash=head["hash"], checkpoint=line)
        if self._file is not None:
            try:
                await asyncio.to_thread(_append, self._file, line)
            except OSError as error:
                self._events.error("audit checkpoint not written", file=str(self._file), why=str(error))
        if self._url is not None:
            try:
                await self._send(self._url, f"checkpoint-{checkpoint.n:012}-{head['hash'][:16]}.jws", line)
            except BlobError as error:
                self._events.error("audit checkpoint not sent", bucket=self._url.partition("?")[0], why=str(error))

    async def _send(self, url: str, name: str, line: str) -> None:
        from holdfast.blobs.bucket import Bucket

        address = parse_bucket_url(url)
        if self._bucket is None:
            self._bucket = Bucket(address)
        await self._bucket.put(address.path(name), line.encode() + b"\n")


def _append(file: Path, line: str) -> None:
    """One line, whole, on the disk."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line.encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
