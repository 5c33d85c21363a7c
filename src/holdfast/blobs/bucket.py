"""The seam to obstore: the one file that imports it, and all that the room asks of a bucket.

Paths are full ones, from the root of the bucket. What is not there is `Absent`, which says nothing about why: object,
bucket and credentials can all be what is missing. Every other failure is a `BlobError` by meaning; what the library
said stays in its cause, for the log.

Small calls and streams go through two clients: a small call that is not answered within a second is tried again and
then fails, so a dead store is known in about two seconds; a stream may rest for ten, and go on for an hour; a part that
was not answered in ten seconds is sent again once.
No condition, no ETag and no version is ever sent or believed: not every store that speaks S3 keeps them.
"""

import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, S3Store

from holdfast.blobs.bucket_errors import Absent, BrokeOff, is_missing_object, meaning, plain
from holdfast.blobs.object_url import BucketAddress, Scheme, check_endpoint

if TYPE_CHECKING:
    from obstore import AsyncWritableFile
    from obstore.store import AzureConfig, ClientConfig, GCSConfig, RetryConfig, S3Config

    Client = S3Store | GCSStore | AzureStore

PAGE = 1000
_CONTENT_TYPE = "application/octet-stream"
_SIGNING: dict[Scheme, tuple[str, ...]] = {
    "gs": (
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ),
    "az": ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_MASTER_KEY"),
}


class Patience(NamedTuple):
    """Seconds: without a byte, for a whole request, and until which a failed one is sent again (twice at most)."""

    read: int
    whole: int
    again: int


SMALL = Patience(read=1, whole=30, again=2)
"""With small calls: so that a dead store is known in about two seconds."""
_STREAMS = Patience(read=10, whole=3600, again=15)


class Bucket:
    """One bucket at `address`; `public_endpoint` is where clients reach the same bucket, if that is somewhere else;
    `patience` is for small calls.

    Raises ValueError when the library cannot make a client of it.
    """

    def __init__(
        self, address: BucketAddress, public_endpoint: str | None = None, *, patience: Patience = SMALL
    ) -> None:
        self._small = _client(address, address.endpoint, patience)
        self._streams = _client(address, address.endpoint, _STREAMS)
        self._public = self._small
        if public_endpoint is not None:
            self._public = _client(address, check_endpoint(public_endpoint), SMALL)
        self._signs = _signs(address.scheme)

    async def get(self, path: str) -> bytes:
        """Return the small object at `path`. Raises Absent."""
        with translated():
            found = await obstore.get_async(self._small, path)
            return bytes(await found.bytes_async())

    async def size(self, path: str) -> int:
        """Return the size of the object at `path`. Raises Absent."""
        with translated():
            return (await obstore.head_async(self._small, path))["size"]

    async def modified(self, path: str) -> datetime:
        """Return when the object at `path` was made, by the store's clock. Raises Absent."""
        with translated():
            return (await obstore.head_async(self._small, path))["last_modified"]

    async def put(self, path: str, data: bytes) -> str | None:
        """Make the small object at `path`, in one request; one that is repeated writes the same again.

        Returns its version, if the store keeps versions.
        """
        attributes = {"Content-Type": _CONTENT_TYPE}
        with translated(writing=True):
            made = await obstore.put_async(self._small, path, data, attributes=attributes, use_multipart=False)
        return made["version"]

    async def delete(self, path: str) -> None:
        """Remove the object at `path`. May raise Absent for one that is not there."""
        with translated():
            await obstore.delete_async(self._small, path)

    async def read(self, path: str, start: int, end: int) -> bytes:
        """Return bytes `start` to `end` (more than none), or fewer where the object ends. Raises Absent, PastEnd."""
        with translated():
            return bytes(await obstore.get_range_async(self._small, path, start=start, end=end))

    async def stream(self, path: str, start: int, end: int, piece: int) -> AsyncGenerator[bytes, None]:
        """Yield bytes `start` to `end` (more than none), or fewer where the object ends, in pieces of about `piece`.

        Raises Absent, PastEnd, BrokeOff.
        """
        with translated():
            found = await obstore.get_async(self._streams, path, options={"range": (start, end)})
        try:
            async for data in found.stream(min_chunk_size=piece):
                yield bytes(data)
        except (BaseError, OSError) as error:
            raise BrokeOff from error

    async def pages(self, prefix: str) -> AsyncIterator[list[str]]:
        """Yield the paths below `prefix` (whole segments), at most PAGE at once."""
        with translated():
            async for page in obstore.list(self._streams, prefix=prefix, chunk_size=PAGE):
                yield [meta["path"] for meta in page]

    def upload(self, path: str, part: int, at_once: int) -> "PartedUpload":
        """Return an upload to `path` in parts of `part` bytes, of which `at_once` are under way at a time."""
        attributes = {"Content-Type": _CONTENT_TYPE}
        return PartedUpload(
            obstore.open_writer_async(
                self._streams, path, attributes=attributes, buffer_size=part, max_concurrency=at_once
            )
        )

    def sign(self, path: str, seconds: int) -> str | None:
        """Return a URL that holds for `seconds`; None where each one would have to be asked for over the network."""
        if not self._signs:
            return None
        try:
            return obstore.sign(self._public, "GET", path, timedelta(seconds=seconds))
        except (BaseError, OSError):
            # A credential that cannot sign, or a role that does not answer: clients are served without it.
            return None


class PartedUpload:
    """An object being sent in parts; one that is smaller than a part goes in one request, when closed."""

    def __init__(self, file: "AsyncWritableFile") -> None:
        self._file = file

    async def __aenter__(self) -> Self:
        await self._file.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """With an error: give up what was sent. Without one, `close` came before."""
        with translated(writing=True):
            await self._file.__aexit__(kind, error, trace)

    async def write(self, data: bytes) -> None:
        """Take `data` into the part that is being filled; waits while too many parts are under way."""
        with translated(writing=True):
            await self._file.write(data)

    async def close(self) -> None:
        """Send what is left and make the object."""
        with translated(writing=True):
            await self._file.close()


@contextmanager
def translated(*, writing: bool = False) -> Iterator[None]:
    """Turn what the library raises into `Absent`, `PastEnd` or a `BlobError`; only who is `writing` hears `Full`."""
    try:
        yield
    except FileNotFoundError as error:
        if is_missing_object(plain(error)):
            raise Absent from error
        raise meaning(plain(error), refused=False, writing=writing) from error
    except (BaseError, OSError) as error:
        refused = isinstance(error, PermissionDeniedError | UnauthenticatedError)
        raise meaning(plain(error), refused=refused, writing=writing) from error


def _client(address: BucketAddress, endpoint: str | None, patience: Patience) -> "Client":
    options: ClientConfig = {
        "allow_http": endpoint is not None and endpoint.startswith("http://"),
        "connect_timeout": "1s",
        "read_timeout": timedelta(seconds=patience.read),
        "timeout": timedelta(seconds=patience.whole),
        "user_agent": "holdfast",
    }
    if address.ca_file is not None:
        options["root_certificate"] = _certificates(address.ca_file)
    retry: RetryConfig = {
        "max_retries": 2,
        "retry_timeout": timedelta(seconds=patience.again),
        "backoff": {"init_backoff": timedelta(milliseconds=50), "max_backoff": timedelta(milliseconds=500)},
    }
    try:
        match address.scheme:
            case "s3":
                return S3Store(
                    address.bucket, config=_s3(address, endpoint), client_options=options, retry_config=retry
                )
            case "gs":
                google: GCSConfig = {} if endpoint is None else {"base_url": endpoint}
                return GCSStore(address.bucket, config=google, client_options=options, retry_config=retry)
            case "az":
                azure: AzureConfig = {} if endpoint is None else {"endpoint": endpoint}
                if address.account is not None:
                    azure["account_name"] = address.account
                return AzureStore(address.bucket, config=azure, client_options=options, retry_config=retry)
    except BaseError as error:
        raise ValueError(f"cannot be used: {plain(error)}") from error


def _s3(address: BucketAddress, endpoint: str | None) -> "S3Config":
    config: S3Config = {
        # The digest of everything is checked anyway, and signing the bytes costs as much as sending them.
        "unsigned_payload": True,
        # One request for one object: a bulk request is not repeated when it hangs.
        "disable_bulk_delete": True,
        "virtual_hosted_style_request": address.virtual_hosted,
    }
    if endpoint is not None:
        config["endpoint"] = address.endpoint_of(endpoint)
    if address.region is not None:
        config["region"] = address.region
    return config


def _signs(scheme: Scheme) -> bool:
    """Tell whether the library has a key that signs. A role in Google's or Microsoft's cloud has none: each signature
    would be asked for over the network, while the event loop waits. The library reads these names itself."""
    return scheme == "s3" or any(os.environ.get(name) for name in _SIGNING[scheme])


def _certificates(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"has certificates (ca=) that cannot be read: {error.strerror}") from error
