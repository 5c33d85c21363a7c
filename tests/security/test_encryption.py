"""What is kept holds no plaintext of what was pushed, and nothing that was tampered with is served.

Every byte of the server's storage is looked at: the data directory with the database's log, the bucket, and every row
of PostgreSQL. Names, tags, digests, sizes and media types are kept in clear, which the documentation says; finding the
repository's name shows that the search finds things.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.backends import postgres_server, sql
from tests.databases import Tables
from tests.object_servers import s3_server
from tests.pairs import Pair, pairs
from tests.serving import Server, running_server

MARKER = b"Planted-Plaintext-Marker"
NAME = "visible/name"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SIZES = {"empty": 0, "inline": 600, "one object": 40_000, "frames": 300_007, "batches": 2_500_003}


def content(seed: str, size: int) -> bytes:
    """Content that holds the marker at every place, and nothing twice."""
    lines = (b"%s %s %d\n" % (MARKER, seed.encode(), n) for n in range(size // 20 + 1))
    return b"".join(lines)[:size]


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Client:
    """One connection, closed with the block."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def ask(self, method: str, path: str, body: bytes = b"", /, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body or None, {"Content-Length": str(len(body)), **sent})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        except (http.client.IncompleteRead, ConnectionError):
            return 0, {}, b""  # the stream was cut off
        finally:
            connection.close()

    def session(self) -> str:
        status, headers, _ = self.ask("POST", f"/v2/{NAME}/blobs/uploads/")
        assert status == 202
        return headers["location"]

    def push(self, data: bytes, cuts: tuple[int, ...] = ()) -> str:
        """Push a blob, in one request or in chunks that end at `cuts`."""
        location, at = self.session(), 0
        for cut in cuts:
            location, at = self.chunk(location, data[at:cut], at), cut
        separator = "&" if "?" in location else "?"
        status, _, said = self.ask("PUT", f"{location}{separator}digest={digest(data)}", data[at:])
        assert status == 201, said
        return digest(data)

    def chunk(self, location: str, data: bytes, at: int) -> str:
        status, headers, said = self.ask("PATCH", location, data, Content_Range=f"{at}-{at + len(data) - 1}")
        assert status == 202, said
        return headers["location"]

    def blob(self, name: str, **headers: str) -> tuple[int, bytes]:
        status, _, data = self.ask("GET", f"/v2/{NAME}/blobs/{name}", b"", **headers)
        return status, data


@pytest.fixture(params=pairs(Pair.SEALED, Pair.SEALED_CLUSTER), ids=str)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    pair: Pair = request.param
    if not pair.sealed:
        pytest.skip(f"{pair} encrypts nothing")
    with running_server(tmp_path, "--open", pair=pair) as running:
        yield running


def target(server: Server) -> str:
    return server.env.get("HOLDFAST_DATABASE", str(server.data / "holdfast.db"))


def everything(server: Server) -> Iterator[tuple[str, bytes]]:
    """Every file that the server keeps, and every row and PostgreSQL's log where the database is none of them."""
    roots = [server.data]
    if url := server.env.get("HOLDFAST_DATABASE"):
        for (table,) in sql(url, "select tablename from pg_tables where schemaname = 'public'"):
            for row in sql(url, f"select * from {table}"):
                yield table, b"\0".join(bytes(v) if isinstance(v, bytes) else str(v).encode() for v in row)
        roots.append(postgres_server().data / "pg_wal")
    if bucket := bucket_of(server):
        roots.append(bucket)
    for root in roots:
        for path in root.rglob("*"):
            if path.is_file() and path.name != "master.key":
                yield str(path), path.read_bytes()


def bucket_of(server: Server) -> Path | None:
    """Where the bucket's server keeps it, None where there is none."""
    storage = server.env.get("HOLDFAST_STORAGE")
    return s3_server().data / storage.removeprefix("s3://").partition("?")[0].partition("/")[0] if storage else None


def places_of(server: Server, text: bytes) -> set[str]:
    return {place for place, data in everything(server) if text in data}


def push_all(client: Client) -> dict[str, bytes]:
    """Blobs of every size and way, manifests, and sessions that are left unfinished; returns what pulls must give."""
    stored = {digest(data): data for kind, size in SIZES.items() for data in [content(kind, size)]}
    for data in stored.values():
        client.push(data)
    chunked = content("chunked", 700_001)
    stored[client.push(chunked, (100, 65_539, 400_013))] = chunked
    for seed, cuts in (("early", (1_000,)), ("late", (50_021, 120_043))):
        data, location, at = content(seed, 200_000), client.session(), 0
        for cut in cuts:
            location, at = client.chunk(location, data[at:cut], at), cut
    layer, config = content("one object", 40_000), content("inline", 600)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/json", "digest": digest(config), "size": len(config)},
        "layers": [{"mediaType": "application/x", "digest": digest(layer), "size": len(layer)}],
        "annotations": {"note": MARKER.decode()},
    }
    status, _, said = client.ask(
        "PUT", f"/v2/{NAME}/manifests/v1", json.dumps(manifest).encode(), Content_Type=MANIFEST
    )
    assert status == 201, said
    return stored


def test_no_plaintext_is_kept_anywhere(server: Server) -> None:
    client = Client(server)
    stored = push_all(client)
    assert places_of(server, MARKER) == set()
    assert places_of(server, MARKER[:12]) == set(), "not even a piece of it, as in the unfinished block of a hash"
    assert places_of(server, NAME.encode()) != set()
    for name, data in stored.items():
        assert client.blob(name) == (200, data)
    status, _, manifest = client.ask("GET", f"/v2/{NAME}/manifests/v1")
    assert status == 200
    assert MARKER in manifest
    server.restart(graceful=False)
    assert places_of(server, MARKER[:12]) == set()
    for name, data in stored.items():
        assert client.blob(name) == (200, data)


def test_a_range_of_encrypted_content_is_right(server: Server) -> None:
    client = Client(server)
    data = content("ranges", 400_000)
    name = client.push(data, (1_000, 131_072))
    for start, end in ((0, 0), (65_535, 65_536), (999, 1_000), (131_071, 196_700), (399_999, 399_999), (5, 399_000)):
        assert client.blob(name, Range=f"bytes={start}-{end}") == (206, data[start : end + 1])


# -- tampering ------------------------------------------------------------------------------------------------------


@pytest.fixture
def tables(server: Server) -> Iterator[Tables]:
    found = Tables(target(server))
    yield found
    found.close()


def object_of(server: Server, tables: Tables, name: str) -> Path:
    """The file of the object that holds the blob `name`."""
    (key,) = tables.sql("select key from content where digest = ?", name)
    root = bucket_of(server) or server.data / "store" / "objects"
    (path,) = (path for path in root.rglob(f"*{key}") if ".sgwtmp" not in path.parts)
    return path


def flip(path: Path, frame: int) -> None:
    """Change one bit in a frame of an object."""
    with path.open("r+b") as file:
        file.seek(frame * 65_552 + 9)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def test_a_flipped_bit_in_any_frame_is_never_served(server: Server, tables: Tables) -> None:
    client = Client(server)
    data = content("flipped", 3 * 65_536 + 17)
    for number in range(4):
        name = client.push(data)
        flip(object_of(server, tables, name), number)
        good = (number + 1) % 4 * 65_536
        assert client.blob(name, Range=f"bytes={good}-{good + 9}") == (206, data[good : good + 10])
        assert client.blob(name)[0] == 404
        assert client.push(data) == name, "a push repairs it"
        assert client.blob(name) == (200, data)


def test_a_stream_ends_before_the_frame_that_does_not_open(server: Server, tables: Tables) -> None:
    client = Client(server)
    data = content("streamed", 3_000_000)
    name = client.push(data)
    flip(object_of(server, tables, name), 30)
    got = client.blob(name)[1]
    assert len(got) <= 30 * 65_536
    assert data.startswith(got)
    assert client.blob(name)[0] == 404, "it was marked"


def test_objects_that_were_exchanged_are_refused(server: Server, tables: Tables) -> None:
    client = Client(server)
    contents = [content(seed, 70_000) for seed in ("first", "other")]
    names = [client.push(data) for data in contents]
    one, two = (object_of(server, tables, name) for name in names)
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    for name in names:
        assert client.blob(name)[1] not in contents


def test_keys_that_were_exchanged_are_refused(server: Server, tables: Tables) -> None:
    client = Client(server)
    contents = [content(seed, size) for seed, size in (("a", 70_000), ("b", 70_000), ("c", 500), ("d", 500))]
    names = [client.push(data) for data in contents]
    keys = [tables.sql("select wrapped_key from content where digest = ?", name)[0] for name in names]
    for name, key in zip(names, [keys[1], keys[0], keys[3], keys[2]], strict=True):
        tables.sql("update content set wrapped_key = ? where digest = ?", key, name)
    assert [client.blob(name)[0] for name in names] == [404] * 4
    assert [client.push(data) for data in contents] == names, "a push repairs it"
    assert [client.blob(name) for name in names] == [(200, data) for data in contents]


def test_small_content_that_was_exchanged_is_refused(server: Server, tables: Tables) -> None:
    client = Client(server)
    names = [client.push(content(seed, 500)) for seed in ("one", "two")]
    ids = [tables.sql("select id from content where digest = ?", name)[0] for name in names]
    bodies = [tables.sql("select bytes from body where content_id = ?", id)[0] for id in ids]
    for id, body in zip(ids, reversed(bodies), strict=True):
        tables.sql("update body set bytes = ? where content_id = ?", body, id)
    assert [client.blob(name)[0] for name in names] == [404, 404]
