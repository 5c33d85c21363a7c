"""What the bucket really does, tried out: each call that the registry makes of it, on objects of the doctor's own.

They lie below `PREFIX/doctor-...`, apart from the registry's, and are removed again; a registry that runs on the same
bucket is not disturbed. A finding names what to change: credentials, rights, clock, region, rules of the bucket.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import os
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from holdfast.app.config import Settings
from holdfast.app.doctor_check import Check, Verdict, failed, ok, skipped, warning
from holdfast.app.masters import seals
from holdfast.blobs.broken_uploads import BrokenUploads
from holdfast.blobs.bucket import Bucket
from holdfast.blobs.bucket_errors import Absent
from holdfast.blobs.errors import BlobError, Missing
from holdfast.blobs.key import new_key
from holdfast.blobs.object_url import BucketAddress, parse_bucket_url
from holdfast.blobs.objects import MARKER, OBJECTS, ObjectBlobs
from holdfast.blobs.port import BLOCK

LARGE = 16 * BLOCK
SIGNED_SECONDS = 60
CLOCKS_APART = 60.0
"""Seconds by which a clock may be wrong before it is worth a warning; at 15 minutes S3 refuses every call."""
_PATIENCE = 10.0
_SLOW = 0.25
_RIGHTS = "s3:ListBucket on the bucket; s3:GetObject, PutObject, DeleteObject and AbortMultipartUpload on its objects"
_ADVICE = (
    ("RequestTimeTooSkewed", "set the clock: the bucket refuses calls whose time is not its own"),
    ("InvalidAccessKeyId", "check the credentials in the environment (AWS_ACCESS_KEY_ID, ...)"),
    ("XAdminUserNotFound", "check the credentials in the environment (AWS_ACCESS_KEY_ID, ...)"),
    ("SignatureDoesNotMatch", "check the credentials in the environment, and region= in storage.url"),
    ("AuthorizationHeaderMalformed", "write the bucket's region into storage.url: ?region=NAME"),
    ("PermanentRedirect", "write the bucket's region into storage.url: ?region=NAME"),
    ("refuses the server's credentials", f"give these credentials the rights they need ({_RIGHTS})"),
    ("is not there", "make the bucket, or correct its name in storage.url"),
    ("takes no more", "raise the bucket's quota, or free space"),
)
_UNREACHED = "check the endpoint in storage.url, its name and port, firewalls, and its certificate (ca=FILE)"


def check_bucket(settings: Settings) -> list[Check]:
    """Try out the bucket that `storage.url` names; takes a few seconds."""
    if settings.storage.url is None:
        return []
    try:
        trial = Trial(settings)
    except ValueError as error:
        return [failed("bucket", f"storage.url {error}", "correct it; docs/how-to/object-storage.md shows its forms")]
    return asyncio.run(trial.run())


class Trial:
    """One examination of the bucket of `settings`. Raises ValueError for an address that cannot be used."""

    def __init__(self, settings: Settings) -> None:
        assert settings.storage.url is not None
        self._settings = settings
        self._address = parse_bucket_url(settings.storage.url)
        own = replace(self._address, prefix=self._address.path(f"doctor-{secrets.token_hex(8)}"))
        self._bucket = Bucket(own, settings.storage.public_endpoint)
        self._own = own
        self._store = ObjectBlobs(self._bucket, own)
        self._keys: list[str] = []

    async def run(self) -> list[Check]:
        """Every check that the ones before it allow."""
        steps: list[tuple[str, Callable[[str], Awaitable[Check]]]] = [
            ("bucket", self._open),
            ("bucket: objects", self._small_objects),
            ("bucket: parts", self._large_object),
            ("bucket: listing", self._listing),
            ("bucket: clock", self._clock),
            ("bucket: signed URL", self._signed),
            ("bucket: deletion", self._deletion),
        ]
        found: list[Check] = []
        try:
            for name, step in steps:
                try:
                    found.append(await step(name))
                except BlobError as error:
                    found.append(failed(name, error.reason, advice_for(error)))
                if found[-1].verdict is Verdict.FAILED and name == steps[0][0]:
                    return found
            found.append(await self._leftovers())
        finally:
            await self._clean()
        return found

    async def _open(self, name: str) -> Check:
        begun = time.perf_counter()
        await self._store.open("doctor")
        took = (time.perf_counter() - begun) / 4  # calls
        marked = await self._marked()
        seen = f"{self._address.scheme}://{self._address.bucket}: {marked}; a small call takes {took * 1000:.0f} ms"
        if took > _SLOW:
            return warning(name, seen, "use a bucket near the servers: every push waits for several such calls")
        return ok(name, seen)

    async def _marked(self) -> str:
        try:
            marker = await self._bucket.get(self._address.path(MARKER))
        except Absent:
            return "not used by a registry yet"
        return f"used by installation {marker.decode(errors='replace').strip()[:36]}"

    async def _small_objects(self, name: str) -> Check:
        data = os.urandom(70_000)
        key, empty = self._key(), self._key()
        await self._store.put(key, [data], "sha256")
        await self._store.put(empty, [], "sha256")
        if await self._store.size(empty) != 0 or await self._store.size(key) != len(data):
            return failed(name, "an object has another size than was written", "do not use this store")
        if await self._store.read(key, 1_000, 66_000) != data[1_000:66_000]:
            return failed(
                name, "a range of an object gives other bytes", "do not use this store, or the proxy before it"
            )
        with suppress(Missing):
            await self._store.read(key, len(data) - 1, len(data) + 1)
            return failed(name, "a range past the end of an object was answered", "do not use this store")
        return ok(name, "empty and small ones are written, read by ranges, and have their size")

    async def _large_object(self, name: str) -> Check:
        key, block = self._key(), os.urandom(BLOCK)
        begun = time.perf_counter()
        async with self._store.create(key, "sha256", size=LARGE) as writer:
            for _ in range(LARGE // BLOCK):
                await writer.write(block)
            made = await writer.finish()
        wrote = time.perf_counter()
        read = await self._store.digest(key, "sha256")
        took = time.perf_counter() - wrote
        if read != made.digest or made.digest != f"sha256:{hashlib.sha256(block * (LARGE // BLOCK)).hexdigest()}":
            return failed(name, "an object of several parts came back with other bytes", "do not use this store")
        rates = f"written at {LARGE / (wrote - begun) / 1e6:.0f} MB/s, read at {LARGE / took / 1e6:.0f} MB/s"
        return ok(name, f"{LARGE >> 20} MiB in parts, {rates}")

    async def _listing(self, name: str) -> Check:
        listed = {key async for keys in self._store.keys() for key in keys}  # noqa: SIM118 -- no mapping
        if listed != set(self._keys):
            seen = f"{len(listed)} of {len(self._keys)} objects are listed that were just written"
            return failed(name, seen, "use a store whose listing shows at once what was written")
        return ok(name, "shows at once what was written")

    async def _clock(self, name: str) -> Check:
        before = datetime.now(UTC)
        key = self._key()
        await self._store.put(key, [b"now"], "sha256")
        apart = (await self._bucket.modified(f"{self._own.path(OBJECTS)}/{key}") - before).total_seconds()
        seen = f"the bucket's clock is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} this machine's"
        if abs(apart) > CLOCKS_APART:
            return warning(
                name, seen, "set both clocks (NTP): at 15 minutes every call and every signed URL is refused"
            )
        return ok(name, seen if abs(apart) >= 1.5 else "agrees with this machine's")

    async def _signed(self, name: str) -> Check:
        if self._settings.storage.redirect == "off":
            return skipped(name, "pulls are not redirected", "nothing, unless storage.redirect should be auto or on")
        if seals(self._settings):
            return skipped(name, "content is encrypted", "nothing: such content is never redirected to the bucket")
        data, key = os.urandom(5_000), self._key()
        await self._store.put(key, [data], "sha256")
        url = self._store.sign(key, SIGNED_SECONDS)
        if url is None:
            advice = (
                "use an account key, if clients should be redirected to the bucket; else pulls go through the servers"
            )
            return skipped(name, "these credentials sign nothing by themselves", advice)
        address = urlsplit(url)
        at = f"{address.scheme}://{address.netloc}"
        try:
            status, body = await asyncio.to_thread(_fetch, url, self._address.ca_file)
        except (OSError, http.client.HTTPException) as error:
            advice = "set storage.public_endpoint to an address that clients reach, or storage.redirect = off"
            return warning(name, f"{at} is not reached from here ({type(error).__name__})", advice)
        if (status, body) != (206, data[100:200]):
            advice = (
                "let the address of storage.public_endpoint reach the bucket with its Host header and path unchanged"
            )
            return warning(name, f"{at} answers {status} to a signed URL", f"{advice}, or set storage.redirect = off")
        return ok(name, f"{at} answers signed URLs, asked from here")

    async def _deletion(self, name: str) -> Check:
        key = self._key()
        version = await self._bucket.put(f"{self._own.path(OBJECTS)}/{key}", b"x")
        await self._store.delete(key)
        await self._store.delete(key)
        if await self._store.size(key) is not None:
            return failed(name, "an object is still there after its deletion", "check the bucket's retention and locks")
        if version is not None:
            advice = "add a rule that deletes noncurrent versions after a few days, or space is never given back"
            return warning(name, "the bucket keeps versions of what is deleted", advice)
        return ok(name, "what is deleted is gone at once")

    async def _leftovers(self) -> Check:
        try:
            return await asyncio.to_thread(_leftovers, self._address)
        except BlobError as error:
            return failed("bucket: parts of broken uploads", error.reason, advice_for(error))

    def _key(self) -> str:
        self._keys.append(new_key(time.time_ns() // 1000))
        return self._keys[-1]

    async def _clean(self) -> None:
        """Remove everything that was written; what cannot be removed lies below a name that says whose it is."""
        with suppress(BlobError, Absent):
            async for page in self._pages():
                for path in page:
                    with suppress(Absent):
                        await self._bucket.delete(path)
        await self._store.close()

    def _pages(self) -> AsyncIterator[list[str]]:
        return self._bucket.pages(self._own.prefix)


def advice_for(error: BlobError) -> str:
    """Say what to change so that `error` goes away."""
    return next((advice for sign, advice in _ADVICE if sign in error.reason), _UNREACHED)


def _leftovers(address: BucketAddress) -> Check:
    """Parts of uploads whose process died: who removes them."""
    name, broken = "bucket: parts of broken uploads", BrokenUploads(address)
    if address.scheme == "az":
        return ok(name, "Azure removes blocks that became no blob after a week")
    advice = "give the bucket a rule that aborts incomplete multipart uploads (docs/how-to/object-storage.md)"
    if not broken.visible:
        return skipped(name, "cannot be looked at with these credentials", advice)
    rule = broken.has_rule()
    if rule:
        return ok(name, "a rule of the bucket removes them")
    begun = sum(1 for _ in broken.under(f"{address.path(OBJECTS)}/"))
    seen = f"{begun} unfinished uploads, running ones among them; the registry removes them after a day"
    if rule is None:
        return ok(name, seen)
    return warning(name, f"{seen}; the bucket has no rule of its own", advice)


def _fetch(url: str, ca_file: str | None) -> tuple[int, bytes]:
    """Ask for bytes 100 to 200 as a client of the registry would that was redirected: no proxy, no redirection."""
    address = urlsplit(url)
    connection: http.client.HTTPConnection
    if address.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file)
        connection = http.client.HTTPSConnection(address.netloc, timeout=_PATIENCE, context=context)
    else:
        connection = http.client.HTTPConnection(address.netloc, timeout=_PATIENCE)
    try:
        connection.request("GET", f"{address.path}?{address.query}", headers={"Range": "bytes=100-199"})
        answer = connection.getresponse()
        return answer.status, answer.read(1 << 16)
    finally:
        connection.close()
