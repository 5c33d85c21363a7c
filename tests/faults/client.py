"""A small push client that writes down exactly what it was told.

Promises: a `Ledger` holds, for every address it was asked about, what a later read may show. Before a request is sent
its outcome is added as possible (`asked`); only its acknowledgement makes it certain (`told`). So an interrupted or
refused request leaves two possible outcomes, and an acknowledged one leaves one. An answer that nothing explains (any
5xx but 503 and 507, say) raises `Wrong`.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
OUTAGES = frozenset({503, 507})
"""What a server may answer to anything while its disk or its database fails."""

_BASE = random.Random(2).randbytes(4 << 20)


class Interrupted(Exception):
    """The connection ended without a whole answer: the outcome is not known."""


class Refused(Exception):
    """The server said that it cannot, now (503, 507): the request may be repeated."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with {status}")
        self.status = status


class Wrong(AssertionError):
    """An answer that a registry never gives to this request, in whatever state it is."""


def content(number: int, size: int) -> bytes:
    """Bytes of `size` (at most 4 MiB) that no other `number` has."""
    return (b"%015d " % number + _BASE)[:size]


def digest_of(data: bytes) -> str:
    """The digest of `data` as it is written in addresses."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (lower-case names) and body of one answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Caller:
    """Requests to 127.0.0.1:`port` over one connection, or over a new one each (`fresh`). For one thread."""

    def __init__(self, port: int, *, fresh: bool = False, timeout: float = 60, authorization: str = "") -> None:
        self._port = port
        self._fresh = fresh
        self._timeout = timeout
        self._authorization = authorization
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send one request; header names are given with `_` for `-`. Raises `Interrupted`."""
        connection = self._connection or http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
        self._connection = connection
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._authorization:
            named["Authorization"] = self._authorization
        try:
            if connection.sock is None:
                connection.connect()
            # It may have answered before it stopped reading.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body=body or None, headers=named)
            answer = connection.getresponse()
            read = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Interrupted(f"{method} {path}: {error!r}") from error
        fields = {name.lower(): value for name, value in answer.getheaders()}
        if self._fresh or answer.will_close:
            self.close()
        return Answer(answer.status, fields, read)

    def expect(self, allowed: int | Iterable[int], method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send one request and insist on a status. Raises `Interrupted`, `Refused`, `Wrong`."""
        statuses = {allowed} if isinstance(allowed, int) else set(allowed)
        answer = self.ask(method, path, body, **headers)
        if answer.status in statuses:
            return answer
        if answer.status == 503 and "x-request-id" in answer.headers and "retry-after" not in answer.headers:
            raise Wrong(f"{method} {path}: 503 without Retry-After")
        if answer.status in OUTAGES:
            raise Refused(answer.status)
        raise Wrong(f"{method} {path}: {answer.status} {answer.body[:500]!r}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass(slots=True)
class Session:
    """An upload that was left open: its whole `data`, where the server said it stands, where it might stand."""

    repository: str
    location: str
    data: bytes
    told: int
    asked: int
    since: float = 0
    """When it was told."""


@dataclass(slots=True)
class Ledger:
    """What one client was told. Addresses are paths; an outcome is the digest served there, None for 404."""

    may: dict[str, set[str | None]] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    acknowledged: int = 0
    history: list[tuple[float, str, set[str | None]]] = field(default_factory=list)
    """When each acknowledgement came (monotonic seconds), for which address, and what that might have shown before."""
    fresh: list[str] = field(default_factory=list)
    """Addresses that were told since somebody emptied this."""

    def asked(self, address: str, outcome: str | None) -> None:
        """A request is about to be sent that would make `outcome` true."""
        self.may.setdefault(address, {None}).add(outcome)

    def told(self, address: str, outcome: str | None) -> None:
        """The server acknowledged it."""
        self.history.append((time.monotonic(), address, self.may.get(address, {None})))
        self.may[address] = {outcome}
        self.acknowledged += 1
        self.fresh.append(address)

    def doubt(self, moment: float) -> int:
        """Take acknowledgements that came after `moment` for possible only; returns how many there were."""
        doubtful = [entry for entry in self.history if entry[0] >= moment]
        for _, address, before in reversed(doubtful):
            self.may[address] = self.may[address] | before
        for session in self.sessions:
            if session.since >= moment:
                session.told = 0
        return len(doubtful)

    def __iter__(self) -> Iterator[tuple[str, set[str | None]]]:
        return iter(list(self.may.items()))


class Pushing:
    """The requests of pushes and deletes of one client, each written into its ledger."""

    def __init__(self, caller: Caller, ledger: Ledger) -> None:
        self.caller = caller
        self.ledger = ledger

    def put(self, repository: str, data: bytes) -> str:
        """A blob by POST and PUT with the body."""
        location = self._open(repository)
        return self._close(repository, location, data, data)

    def patch(self, repository: str, data: bytes) -> str:
        """A blob by POST, one PATCH and an empty PUT."""
        location = self._open(repository)
        self.caller.expect(202, "PATCH", location, data)
        return self._close(repository, location, data, b"")

    def chunks(self, repository: str, data: bytes, count: int = 3) -> str:
        """A blob by POST, `count` PATCHes with Content-Range, and a PUT with the rest."""
        location = self._open(repository)
        step = max(len(data) // (count + 1), 1)
        for start in range(0, count * step, step):
            self.chunk(location, data, start, start + step)
        return self._close(repository, location, data, data[count * step :])

    def post(self, repository: str, data: bytes) -> str:
        """A blob by a single POST."""
        digest = digest_of(data)
        address = f"/v2/{repository}/blobs/{digest}"
        self.ledger.asked(address, digest)
        self.caller.expect(201, "POST", f"/v2/{repository}/blobs/uploads/?digest={digest}", data)
        self.ledger.told(address, digest)
        return digest

    def chunk(self, location: str, data: bytes, start: int, end: int) -> None:
        """One PATCH with its range; the answer says how far the upload is."""
        answer = self.caller.expect(
            202, "PATCH", location, data[start:end], Content_Range=f"{start}-{min(end, len(data)) - 1}"
        )
        if answer.headers["range"] != f"0-{min(end, len(data)) - 1}":
            raise Wrong(f"after bytes {start} to {end} the upload stands at {answer.headers['range']}")

    def leave_open(self, repository: str, data: bytes, cut: int) -> None:
        """An upload of which `cut` bytes are sent in one PATCH, and then nothing more."""
        location = self._open(repository)
        session = Session(repository, location, data, 0, cut)
        self.ledger.sessions.append(session)
        self.caller.expect(202, "PATCH", location, data[:cut])
        session.told, session.since = cut, time.monotonic()
        self.ledger.acknowledged += 1

    def finish(self, session: Session, start: int) -> str:
        """Go on with an upload at `start` and close it; returns the address of the blob."""
        middle = (start + len(session.data)) // 2
        if middle > start:
            self.chunk(session.location, session.data, start, middle)
        digest = self._close(session.repository, session.location, session.data, session.data[middle:])
        return f"/v2/{session.repository}/blobs/{digest}"

    def mount(self, repository: str, source: str, digest: str) -> None:
        """A mount of a blob that `source` has."""
        address = f"/v2/{repository}/blobs/{digest}"
        self.ledger.asked(address, digest)
        self.caller.expect(201, "POST", f"/v2/{repository}/blobs/uploads/?mount={digest}&from={source}")
        self.ledger.told(address, digest)

    def manifest(self, repository: str, document: bytes, tag: str | None) -> str:
        """A manifest under its tag, or under its digest alone."""
        digest = digest_of(document)
        addresses = [f"/v2/{repository}/manifests/{name}" for name in (digest, tag) if name is not None]
        for address in addresses:
            self.ledger.asked(address, digest)
        self.caller.expect(201, "PUT", addresses[-1], document, Content_Type=MANIFEST_TYPE)
        for address in addresses:
            self.ledger.told(address, digest)
        return digest

    def delete(self, address: str, *also: str) -> None:
        """DELETE of a tag, a manifest or a blob at `address`; the addresses in `also` end with it."""
        for each in (address, *also):
            self.ledger.asked(each, None)
        self.caller.expect(202, "DELETE", address)
        for each in (address, *also):
            self.ledger.told(each, None)

    def _open(self, repository: str) -> str:
        return self.caller.expect(202, "POST", f"/v2/{repository}/blobs/uploads/").headers["location"]

    def _close(self, repository: str, location: str, data: bytes, rest: bytes) -> str:
        digest = digest_of(data)
        address = f"/v2/{repository}/blobs/{digest}"
        self.ledger.asked(address, digest)
        self.caller.expect(201, "PUT", f"{location}?digest={digest}", rest, Content_Type="application/octet-stream")
        self.ledger.told(address, digest)
        return digest


def manifest_of(config: bytes, layers: Iterable[bytes], number: int) -> bytes:
    """An image manifest of this config and these layers that no other `number` has."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(CONFIG_TYPE, config),
            "layers": [_descriptor(LAYER_TYPE, layer) for layer in layers],
            "annotations": {"number": str(number)},
        }
    ).encode()


def _descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}
