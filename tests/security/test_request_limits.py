"""Requests a minute, seen on the wire: each credential for itself, and nobody is kept out by others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.pairs import Pair
from tests.security.tenants import Tenants, ask_token, bearer, post_token
from tests.serving import Server, running_server
from tests.wire.always import checked
from tests.wire.client import Answer, Connection, basic, connected
from tests.wire.content import digest, noise
from tests.wire.repository import Repository

RATE = 3
HOME, ELSEWHERE, THIRD = "192.0.2.7", "198.51.100.9", "203.0.113.5"
PUBLIC = "open/things"
DATA = noise(40_000, "request limits")
BLOB = f"/v2/{PUBLIC}/blobs/{digest(DATA)}"
KEYS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Place:
    """A server with a limit, and keys of its administrator that were made before there was one."""

    def __init__(self, server: Server, connection: Connection, keys: dict[str, str]) -> None:
        self.server = server
        self.connection = connection
        self._keys = keys

    def key(self, name: str) -> str:
        """The header of a key."""
        return basic("admin", self._keys[name])

    def pull(self, authorization: str = "", address: str = HOME, **headers: str) -> Answer:
        """Pull the public blob."""
        return self.get(BLOB, authorization, address, **headers)

    def get(self, path: str, authorization: str = "", address: str = HOME, **headers: str) -> Answer:
        """GET a path below `/v2`."""
        sent = {"Authorization": authorization, "X-Forwarded-For": address, **headers}
        return checked(self.connection.ask("GET", path, headers=sent))

    def repository(self, key: str) -> Repository:
        """A repository, as one key sees it."""
        return Repository(Connection(self.server.port, {"Authorization": self.key(key)}), PUBLIC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server that believes the addresses which the tests come from."""
    flags = ("--trusted-proxies", "127.0.0.1")
    with running_server(tmp_path_factory.mktemp("limits"), *flags, pair=Pair.EMBEDDED) as running:
        yield running


@pytest.fixture(scope="module")
def keys(server: Server) -> dict[str, str]:
    """Make what the tests use, with many more requests than the limit allows, and then set the limit."""
    tenants = Tenants(server)
    tenants.open(PUBLIC)
    made = {name: tenants.admin.do(201, "POST", "/keys", {"name": name})["secret"] for name in KEYS}
    tenants.close()
    with connected(server.port, {"Authorization": server.admin.basic}) as connection:
        Repository(connection, PUBLIC).blob(DATA)
        unlimited = {connection.ask("GET", BLOB).status for _ in range(100)}
    with connected(server.port) as connection:
        unlimited |= {connection.ask("GET", BLOB).status for _ in range(100)}
    assert unlimited == {200}, "there is no limit unless one is set"
    server.flags = (*server.flags, "--limits-requests", str(RATE))
    return made


@pytest.fixture
def place(server: Server, keys: dict[str, str]) -> Iterator[Place]:
    """Give the place, with nothing used up."""
    server.restart()
    with connected(server.port) as connection:
        yield Place(server, connection, keys)


def refused(answer: Answer, whose: str) -> None:
    """Insist on 429, with what to do."""
    assert (answer.status, answer.code) == (429, "TOOMANYREQUESTS"), str(answer)
    assert 0 < int(answer["retry-after"]) <= 60 // RATE
    message = answer.json["errors"][0]["message"]
    assert message.startswith(f"{whose} has used up its {RATE} requests a minute"), message
    assert f"go on in {answer['retry-after']} s" in message


def test_a_credential_that_used_up_its_limit_waits_and_no_other(place: Place) -> None:
    one, two = place.key("one"), place.key("two")
    assert [place.pull(one).status for _ in range(RATE)] == [200] * RATE
    refused(place.pull(one), "this credential")
    refused(place.pull(one, ELSEWHERE), "this credential")
    assert place.pull(two).status == 200, "another key of the same user"
    assert place.get("/v2/", place.server.admin.basic).status == 200, "and his password"
    assert place.pull().status == 200, "and who shows nothing"
    assert [place.connection.ask("GET", "/healthz").status for _ in range(9)] == [200] * 9
    assert [place.get("/v2/", basic("admin", f"wrong {n}")).status for n in range(2)] == [401] * 2


def test_a_token_counts_for_what_it_was_got_with(place: Place) -> None:
    key = place.key("three")
    token = bearer(ask_token(place.connection, key, [f"repository:{PUBLIC}:pull"]))
    assert [place.pull(token).status for _ in range(RATE - 1)] == [200] * (RATE - 1)
    for way in (token, key):
        refused(place.pull(way), "this credential")
    refused(ask_token(place.connection, key), "this credential")
    secret = place.server.admin.password
    form = {
        "grant_type": "password",
        "username": "admin",
        "password": secret,
        "access_type": "offline",
        "client_id": "t",
    }
    refresh = post_token(place.connection, **form).json["refresh_token"]
    again = {"grant_type": "refresh_token", "refresh_token": refresh}
    assert [post_token(place.connection, **again).status for _ in range(RATE)] == [200] * RATE
    refused(post_token(place.connection, **again), "this credential")


def test_the_management_api_counts_alike(place: Place) -> None:
    headers = {"Authorization": place.key("four")}
    assert [place.connection.ask("GET", "/api/v1/keys", headers=headers).status for _ in range(RATE)] == [200] * RATE
    for method, body in (("GET", b""), ("POST", json.dumps({"name": "refused"}).encode())):
        sent = {**headers, "Content-Type": "application/json"} if body else headers
        answer = place.connection.ask(method, "/api/v1/keys", body, sent)
        assert (answer.status, answer["content-type"]) == (429, "application/problem+json"), str(answer)
        assert answer.json["type"] == "/problems/too-many-requests"
        assert f"go on in {answer['retry-after']} s" in answer.json["detail"]
    refused(place.pull(headers["Authorization"]), "this credential")


def test_a_network_without_a_credential_waits_and_locks_nobody_out(place: Place) -> None:
    assert [place.get("/v2/").status for _ in range(9)] == [401] * 9, "how log-ins begin does not count"
    assert [place.pull(address=f"192.0.2.{n}").status for n in range(RATE)] == [200] * RATE
    answer = place.pull()
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert "log in" in answer.json["errors"][0]["message"]
    assert f'scope="repository:{PUBLIC}:pull"' in answer["www-authenticate"]
    token = place.get(f"/token?scope=repository:{PUBLIC}:pull")
    refused(token, "your network")
    assert place.get("/v2/").status == 401
    assert place.pull(place.key("five")).status == 200
    assert place.pull(address=ELSEWHERE).status == 200


def test_an_anonymous_token_counts_for_its_network(place: Place) -> None:
    token = bearer(place.get(f"/token?scope=repository:{PUBLIC}:pull", address=THIRD))
    assert [place.pull(token, THIRD).status for _ in range(RATE - 1)] == [200] * (RATE - 1)
    refused(place.pull(token, THIRD), "your network")


def test_a_cut_pull_goes_on_where_it_was(place: Place) -> None:
    step = len(DATA) // (RATE + 1)
    wanted = [f"bytes={start}-{start + step - 1}" for start in range(0, len(DATA), step)]
    got = [place.pull(place.key("six"), Range=each) for each in wanted]
    assert [each.status for each in got] == [206] * RATE + [429]
    got[-1] = place.pull(place.key("seven"), Range=wanted[-1])
    assert b"".join(each.body for each in got) == DATA


def test_a_cut_push_goes_on_where_it_was(place: Place) -> None:
    data = noise(30_000, "a push over the limit")
    cut, rest = place.repository("eight"), place.repository("nine")
    location = cut.session()
    for start in (0, 10_000):
        location = cut.expect(202, "PATCH", location, data[start : start + 10_000])["location"]
    refused(cut.ask("PATCH", location, data[20_000:]), "this credential")
    assert rest.expect(204, "GET", location)["range"] == "0-19999"
    location = rest.expect(202, "PATCH", location, data[20_000:])["location"]
    rest.expect(201, "PUT", f"{location}?digest={digest(data)}")
    for each in (cut, rest):
        each.connection.close()


def test_a_client_that_is_a_little_too_fast_is_only_slowed_down(tmp_path: Path) -> None:
    flags = ("--open", "--limits-requests", "120", "--limits-burst", "2")
    with running_server(tmp_path, *flags, pair=Pair.EMBEDDED) as running, connected(running.port) as connection:
        assert [connection.ask("GET", "/v2/").status for _ in range(5)] == [200] * 5
