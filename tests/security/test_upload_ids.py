"""Upload ids cannot be forged, altered, carried to another repository or to another installation."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.pairs import Pair
from tests.serving import running_server
from tests.wire.client import Connection, connected
from tests.wire.content import digest, noise
from tests.wire.repository import Repository

DATA = noise(5000, "ids")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture
def repository(open_sown: Connection) -> Repository:
    return Repository(open_sown, "ids/own")


def refused(repository: Repository, token: str) -> None:
    """An id that opens nothing, whatever is asked with it."""
    for method, query, body in (
        ("GET", "", b""),
        ("HEAD", "", b""),
        ("PATCH", "", DATA),
        ("PUT", f"?digest={digest(DATA)}", DATA),
        ("DELETE", "", b""),
    ):
        answer = repository.expect(404, method, f"blobs/uploads/{token}{query}", body)
        assert answer.code in (None, "BLOB_UPLOAD_UNKNOWN")
    repository.expect(404, "GET", f"blobs/{digest(DATA)}", code="BLOB_UNKNOWN")


def altered(token: str) -> Iterator[str]:
    """Ids that differ from a real one in one place, and other spellings of the same."""
    for at in range(len(token)):
        other = ALPHABET[(ALPHABET.index(token[at]) + 1) % 64]
        yield token[:at] + other + token[at + 1 :]
    yield from (token[:-1], token[1:], token + "A", token + "=", "A" + token, token + token, token.swapcase())
    yield from (token.lower(), token[::-1], token + "%00", token + "%20", "%20" + token, token + "%0a")
    # The last character of 41 bytes has two bits to spare: the same bytes in another spelling.
    spare = ALPHABET.index(token[-1])
    yield from (token[:-1] + ALPHABET[spare ^ bits] for bits in (1, 2, 3))
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    yield base64.b64encode(raw).decode().rstrip("=").replace("+", "%2B").replace("/", "%2F") + "="


@pytest.mark.parametrize("begun", [True, False])
def test_an_altered_id_opens_nothing(repository: Repository, begun: bool) -> None:
    location = repository.begun(DATA[:100]) if begun else repository.session()
    token = location.rpartition("/")[2]
    for forged in altered(token):
        assert forged != token
        repository.expect(404, "GET", f"blobs/uploads/{forged}")
    assert repository.expect(204, "GET", location)["range"] == ("0-99" if begun else "0-0")


def test_a_forged_id_opens_nothing(repository: Repository) -> None:
    token = repository.session().rpartition("/")[2]
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    made = [os.urandom(len(raw)), bytes(len(raw)), b"\xff" * len(raw), raw[:25] + bytes(16), os.urandom(25) + raw[25:]]
    for forged in made:
        refused(repository, base64.urlsafe_b64encode(forged).decode().rstrip("="))


def test_an_id_belongs_to_its_repository(repository: Repository) -> None:
    token = repository.begun(DATA[:100]).rpartition("/")[2]
    for name in ("ids/other", "ids", "ids/own/below", "ids/ow", "i/ds/own"):
        refused(Repository(repository.connection, name), token)
    assert repository.expect(204, "GET", f"blobs/uploads/{token}")["range"] == "0-99"


def test_an_id_belongs_to_its_opener(repository: Repository, admin: Connection) -> None:
    own = Repository(admin, "ids/own")
    theirs = own.begun(DATA[:100])
    refused(own, repository.begun(DATA[:100]).rpartition("/")[2])
    refused(repository, theirs.rpartition("/")[2])
    assert own.expect(204, "GET", theirs)["range"] == "0-99"


def test_an_id_belongs_to_its_installation(repository: Repository, tmp_path: Path, pair: Pair) -> None:
    token = repository.begun(DATA[:100]).rpartition("/")[2]
    with running_server(tmp_path, "--open", pair=pair) as other, connected(other.port) as connection:
        refused(Repository(connection, repository.name), token)
