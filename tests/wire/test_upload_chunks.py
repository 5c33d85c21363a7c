"""Uploads in chunks: every step says where the session stands, and whatever goes wrong leaves it where it stood."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.pairs import Pair
from tests.serving import running_server
from tests.wire.always import checked
from tests.wire.client import Answer, Connection, connected
from tests.wire.content import digest, noise
from tests.wire.repository import Repository

DATA = noise(300_000, "chunked")
LARGE = noise((3 << 20) + 11, "chunked")


def stands(repository: Repository, location: str, received: int) -> None:
    """The session of `location` holds `received` bytes."""
    answer = repository.expect(204, "GET", location)
    assert answer["range"] == f"0-{max(received - 1, 0)}"
    assert answer["location"] == location
    assert answer["docker-upload-uuid"] == location.rpartition("/")[2]


def finish(repository: Repository, location: str, data: bytes, rest: bytes = b"") -> None:
    """Close the session with `rest`; the blob is `data`, byte for byte."""
    answer = repository.expect(201, "PUT", f"{location}?digest={digest(data)}", rest)
    assert answer["location"] == f"{repository.path}/blobs/{digest(data)}"
    assert repository.expect(200, "GET", answer["location"]).body == data


@pytest.mark.parametrize("data", [DATA, LARGE], ids=["300 kB", "3 MiB"])
@pytest.mark.parametrize("said", [True, False], ids=["with Content-Range", "without"])
@pytest.mark.parametrize("last_in_put", [True, False], ids=["rest in PUT", "all in PATCH"])
def test_a_blob_in_chunks(repository: Repository, data: bytes, said: bool, last_in_put: bool) -> None:
    opened = repository.expect(202, "POST", "blobs/uploads/")
    location = opened["location"]
    assert re.fullmatch(rf"{re.escape(repository.path)}/blobs/uploads/[A-Za-z0-9_-]+", location)
    assert int(opened["oci-chunk-min-length"]) > 0
    stands(repository, location, 0)
    cuts = [0, 1, 70_000, 70_001, len(data) - 5, len(data)]
    for start, end in zip(cuts, cuts[1:-1] if last_in_put else cuts[1:], strict=False):
        headers = {"Content-Range": f"{start}-{end - 1}"} if said else {}
        answer = repository.expect(202, "PATCH", location, data[start:end], headers)
        assert answer["range"] == f"0-{end - 1}"
        assert answer["location"] == location
        stands(repository, location, end)
    finish(repository, location, data, data[-5:] if last_in_put else b"")
    # The closed session is an id without bytes again: it goes on nowhere.
    repository.expect(416, "PATCH", location, b"more", {"Content-Range": f"{len(data)}-{len(data) + 3}"})


def test_a_body_without_length_is_a_chunk_too(repository: Repository) -> None:
    location = repository.session()
    pieces = [LARGE[at : at + 65_536] for at in range(0, len(LARGE), 65_536)]
    answer = checked(repository.connection.chunked("PATCH", location, pieces))
    assert (answer.status, answer["range"]) == (202, f"0-{len(LARGE) - 1}")
    finish(repository, location, LARGE)


def _abort(repository: Repository, location: str) -> None:
    """Send half of a chunk and go."""
    with connected(repository.connection.port) as leaving:
        head = f"PATCH {location} HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n"
        leaving.send(head.encode() + b"x" * 2500)


def _refused(status: int, method: str, body: bytes, **headers: str) -> Callable[[Repository, str], None]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def ask(repository: Repository, location: str) -> None:
        query = f"?digest={digest(DATA)}" if method == "PUT" else ""
        answer = repository.expect(status, method, location + query, body, named)
        if answer.code == "BLOB_UPLOAD_INVALID":
            assert (answer["range"], answer["location"]) == ("0-999", location)

    return ask


def _chunked(said: str, sent: int) -> Callable[[Repository, str], None]:
    def ask(repository: Repository, location: str) -> None:
        answer = checked(repository.connection.chunked("PATCH", location, [b"x" * sent], {"Content-Range": said}))
        assert (answer.status, answer.code) == (400, "SIZE_INVALID")

    return ask


def _no_digest(repository: Repository, location: str) -> None:
    repository.expect(400, "PUT", location, DATA[1000:], code="DIGEST_INVALID")


def _empty(repository: Repository, location: str) -> None:
    assert repository.expect(202, "PATCH", location)["range"] == "0-999"


MISHAPS: dict[str, Callable[[Repository, str], None]] = {
    "gap": _refused(416, "PATCH", b"x" * 100, Content_Range="1001-1100"),
    "overlap": _refused(416, "PATCH", b"x" * 100, Content_Range="999-1098"),
    "repeat": _refused(416, "PATCH", DATA[:1000], Content_Range="0-999"),
    "gap in PUT": _refused(416, "PUT", DATA[1001:], Content_Range=f"1001-{len(DATA) - 1}"),
    "repeat in PUT": _refused(416, "PUT", DATA, Content_Range=f"0-{len(DATA) - 1}"),
    "not a range": _refused(416, "PATCH", b"x" * 100, Content_Range="1000"),
    "range and length disagree": _refused(400, "PATCH", b"x" * 100, Content_Range="1000-1100"),
    "shorter than said": _chunked("1000-1099", 99),
    "longer than said": _chunked("1000-1099", 101),
    "much longer than said": _chunked("1000-1099", 200_000),
    "wrong digest": _refused(400, "PUT", DATA[1000:-1] + b"!"),
    "wrong digest without body": _refused(400, "PUT", b""),
    "no digest": _no_digest,
    "abort": _abort,
    "empty chunk": _empty,
}


@pytest.mark.parametrize("mishap", MISHAPS)
def test_a_mishap_leaves_the_session_as_it_was(repository: Repository, mishap: str) -> None:
    location = repository.begun(DATA[:1000])
    for _ in range(2):
        MISHAPS[mishap](repository, location)
        stands(repository, location, 1000)
    answer = repository.expect(202, "PATCH", location, DATA[1000:2000], {"Content-Range": "1000-1999"})
    assert answer["range"] == "0-1999"
    finish(repository, location, DATA, DATA[2000:])


def test_a_mishap_of_the_first_chunk_leaves_an_empty_session(repository: Repository) -> None:
    location = repository.session()
    answer = repository.expect(416, "PATCH", location, DATA, {"Content-Range": f"1-{len(DATA)}"})
    assert (answer["range"], answer["location"]) == ("0-0", location)
    _abort(repository, location)
    repository.expect(400, "PUT", f"{location}?digest={digest(b'')}", DATA, code="DIGEST_INVALID")
    stands(repository, location, 0)
    finish(repository, location, DATA, DATA)


@pytest.mark.parametrize("data", [b"", noise(100, "closed"), DATA, LARGE], ids=["empty", "100 B", "300 kB", "3 MiB"])
@pytest.mark.parametrize("patched", [True, False])
def test_the_closing_request_may_be_repeated(repository: Repository, data: bytes, patched: bool) -> None:
    location = repository.session()
    if patched and data:
        repository.expect(202, "PATCH", location, data)
    closing = f"{location}?digest={digest(data)}"
    first = repository.expect(201, "PUT", closing, b"" if patched else data)
    # The client did not see the answer: it asks again, without the body and with it.
    for body in (b"", b"", data):
        again = repository.expect(201, "PUT", closing, body)
        assert again["location"] == first["location"]
    assert repository.expect(200, "GET", first["location"]).body == data


@pytest.mark.parametrize("wanted", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("opened", ["", "?digest-algorithm=sha256", "?digest-algorithm=sha512"])
def test_a_blob_has_the_algorithm_of_its_closing_digest(repository: Repository, opened: str, wanted: str) -> None:
    for data in (DATA[:5000], LARGE):
        location = repository.session(opened)
        repository.expect(202, "PATCH", location, data[:2000])
        repository.expect(202, "PATCH", location, data[2000:])
        name = digest(data, wanted)
        assert repository.expect(201, "PUT", f"{location}?digest={name}")["docker-content-digest"] == name
        assert repository.expect(200, "GET", f"blobs/{name}").body == data


@pytest.mark.parametrize("size", [5000, 300_000])
@pytest.mark.parametrize("said", [True, False], ids=["with Content-Range", "without"])
def test_a_closing_request_with_the_last_chunk_may_be_repeated(repository: Repository, size: int, said: bool) -> None:
    data = noise(size, "repeated")
    location = repository.begun(data[:1000])
    closing = f"{location}?digest={digest(data)}"
    headers = {"Content-Range": f"1000-{size - 1}"} if said else {}
    for _ in range(3):
        assert repository.expect(201, "PUT", closing, data[1000:], headers)["docker-content-digest"] == digest(data)
    assert repository.expect(200, "GET", f"blobs/{digest(data)}").body == data
    # Only of what is here: another digest is refused as ever.
    repository.expect(400, "PUT", f"{location}?digest={digest(b'other')}", data[1000:], code="DIGEST_INVALID")


def test_a_cancelled_session_is_gone(repository: Repository) -> None:
    for location in (repository.session(), repository.begun(DATA)):
        repository.expect(204, "DELETE", location)
        for method, query, body in (
            ("GET", "", b""),
            ("HEAD", "", b""),
            ("PATCH", "", DATA),
            ("PUT", f"?digest={digest(DATA)}", b""),
            ("PUT", f"?digest={digest(DATA)}", DATA),
            ("DELETE", "", b""),
        ):
            answer = repository.expect(404, method, location + query, body)
            assert answer.code in (None, "BLOB_UPLOAD_UNKNOWN")
    repository.expect(404, "GET", f"blobs/{digest(DATA)}", code="BLOB_UNKNOWN")


def test_a_session_belongs_to_its_repository(repository: Repository) -> None:
    location = repository.begun(DATA[:1000])
    token = location.rpartition("/")[2]
    for name in (repository.name + "/other", "x", repository.name[:-1]):
        other = Repository(repository.connection, name)
        for method, query in (
            ("GET", ""),
            ("HEAD", ""),
            ("PATCH", ""),
            ("PUT", f"?digest={digest(DATA)}"),
            ("DELETE", ""),
        ):
            body = DATA[1000:] if method in ("PATCH", "PUT") else b""
            other.expect(404, method, f"blobs/uploads/{token}{query}", body)
    stands(repository, location, 1000)
    finish(repository, location, DATA, DATA[1000:])


def test_a_session_outlives_the_server(tmp_path: Path, pair: Pair) -> None:
    with running_server(tmp_path, "--open", pair=pair) as server, connected(server.port) as connection:
        repository = Repository(connection, "outlives/restart")
        for graceful in (True, False):
            location = repository.begun(LARGE[: 1 << 20])
            connection.close()
            server.restart(graceful=graceful)
            stands(repository, location, 1 << 20)
            repository.expect(202, "PATCH", location, LARGE[1 << 20 : 2 << 20])
            finish(repository, location, LARGE, LARGE[2 << 20 :])
        connection.close()


def both(first: Connection, second: Connection, location: str, start: int, chunk: bytes) -> tuple[Answer, Answer]:
    """Send one chunk over two connections, so that the body of each ends after both have begun."""
    extent = f"Content-Range: {start}-{start + len(chunk) - 1}\r\nContent-Length: {len(chunk)}"
    request = f"PATCH {location} HTTP/1.1\r\nHost: a\r\n{extent}\r\n\r\n".encode()
    for connection in (first, second):
        connection.send(request + chunk[:-1])
    for connection in (first, second):
        connection.send(chunk[-1:])
    return checked(first.receive(request)), checked(second.receive(request))


@pytest.mark.parametrize("held", [0, 1000])
@pytest.mark.parametrize("size", [5000, 150_000])
def test_of_two_equal_chunks_at_once_exactly_one_is_applied(repository: Repository, held: int, size: int) -> None:
    for _ in range(12):
        location = repository.begun(DATA[:held]) if held else repository.session()
        with connected(repository.connection.port) as one, connected(repository.connection.port) as two:
            answers = both(one, two, location, held, DATA[held : held + size])
        assert sorted(answer.status for answer in answers) == [202, 416], answers
        refused = next(answer for answer in answers if answer.status == 416)
        # One that found the other being written says where the session stood; one that came after it, where it stands.
        assert refused["range"] in (f"0-{max(held - 1, 0)}", f"0-{held + size - 1}")
        assert refused["location"] == location
        stands(repository, location, held + size)
        finish(repository, location, DATA, DATA[held + size :])


def test_a_chunk_beside_another_is_refused_and_the_first_goes_on(repository: Repository, pair: Pair) -> None:
    # More than the database keeps of an upload: the session has a file, and its lock says who is first.
    if pair is not Pair.EMBEDDED:
        overtaken_by(repository, 100_000)
        return
    location = repository.begun(DATA[:100_000])
    with connected(repository.connection.port) as slow:
        request = slow.begin("PATCH", location, 9000)
        slow.send(DATA[100_000:104_000])
        stands(repository, location, 100_000)
        for method, query in (("PATCH", ""), ("PUT", f"?digest={digest(DATA)}")):
            answer = repository.expect(416, method, location + query, DATA[100_000:], code="BLOB_UPLOAD_INVALID")
            assert (answer["range"], answer["location"]) == ("0-99999", location)
        slow.send(DATA[104_000:109_000])
        assert checked(slow.receive(request)).status == 202
    stands(repository, location, 109_000)
    finish(repository, location, DATA, DATA[109_000:])


def test_of_two_small_chunks_at_once_the_first_that_is_whole_counts(repository: Repository) -> None:
    overtaken_by(repository, 1000)


def overtaken_by(repository: Repository, held: int) -> None:
    """A chunk that begins while another is under way and ends before it counts; the other is told where it stands."""
    location = repository.begun(DATA[:held])
    with connected(repository.connection.port) as slow:
        request = slow.begin("PATCH", location, 9000)
        slow.send(DATA[held : held + 4000])
        assert repository.expect(202, "PATCH", location, DATA[held : held + 2000])["range"] == f"0-{held + 1999}"
        slow.send(DATA[held + 4000 : held + 9000])
        answer = checked(slow.receive(request))
        assert (answer.status, answer["range"]) == (416, f"0-{held + 1999}")
    stands(repository, location, held + 2000)
    finish(repository, location, DATA, DATA[held + 2000 :])


@pytest.mark.parametrize("size", [9000, 99_000])
@pytest.mark.parametrize("held", [0, 1000])
def test_a_session_may_be_cancelled_under_a_chunk(repository: Repository, held: int, size: int) -> None:
    location = repository.begun(DATA[:held]) if held else repository.session()
    with connected(repository.connection.port) as slow:
        request = slow.begin("PATCH", location, size)
        slow.send(DATA[: size - 1])
        repository.expect(204, "DELETE", location)
        slow.send(b"!")
        answer = checked(slow.receive(request))
        assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")
    repository.expect(404, "GET", location, code="BLOB_UPLOAD_UNKNOWN")
