"""What is taken away is refused at the very next request, in every worker, on both databases, whatever was cached."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from tests.cli.program import holdfast
from tests.pairs import Pair
from tests.serving import Server, running_server
from tests.wire.client import Answer, Connection, basic, connected
from tests.wire.seed import SEED, sow

WORKERS = 2
CONNECTIONS = 8
"""Connections that are kept open: with two workers some go to each."""
PASSWORD = "a-long-enough-password"


class House:
    """A server with an image, and a user, a robot and their keys who may read it; `asks` of one credential over many
    connections."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.admin = server.admin.basic
        with connected(server.port, {"Authorization": self.admin}) as connection:
            sow(connection)
        self.name = SEED
        self.api("POST", "/users", {"name": "alice", "password": PASSWORD})
        self.api("POST", "/robots", {"namespace": "team", "name": "ci"})
        for subject in ("user:alice", "robot:team+ci"):
            self.api("POST", "/grants", {"subject": subject, "role": "reader", "scope": "**"})

    def api(self, method: str, path: str, body: object = None, by: str | None = None) -> Answer:
        """A call of the management API."""
        headers = {"Authorization": by or self.admin}
        data = b""
        if body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body).encode()
        with connected(self.server.port) as connection:
            answer = connection.ask(method, f"/api/v1{path}", data, headers)
        assert answer.status < 300, answer
        return answer

    def key(self, name: str, by: str | None = None, **more: object) -> str:
        """A new key."""
        return str(self.api("POST", "/keys", {"name": name, **more}, by=by).json["secret"])

    def token(self, credential: str) -> str:
        """An access token as a header."""
        target = f"/token?service=x&scope=repository:{self.name}:pull"
        with connected(self.server.port) as connection:
            return "Bearer " + str(connection.ask("GET", target, headers={"Authorization": credential}).json["token"])

    def statuses(self, credentials: list[str], between: Callable[[], object]) -> tuple[set[int], set[int]]:
        """The statuses of pulls by each credential in both workers, before and right after `between`, over the
        connections of before."""
        found: list[set[int]] = []
        target = f"/v2/{self.name}/tags/list"
        connections = [Connection(self.server.port, {"Authorization": each}) for each in credentials * CONNECTIONS]
        try:
            for step in (lambda: None, between):
                step()
                found.append({each.ask("GET", target).status for each in connections})
        finally:
            for connection in connections:
                connection.close()
        return found[0], found[1]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[House]:
    flags = ("--workers", str(WORKERS), "--login-failures", "1000")  # so many secrets end here that one had to wait
    with running_server(tmp_path_factory.mktemp("house"), *flags, pair=pair) as server:
        yield House(server)


@pytest.fixture
def alice(house: House) -> str:
    """Alice's password, while she is enabled."""
    house.api("POST", "/users/alice/enable")
    return basic("alice", PASSWORD)


def test_a_disabled_user(house: House, alice: str) -> None:
    key = basic("alice", house.key("disabled", by=alice))
    credentials = [alice, key, house.token(alice), house.token(key)]
    before, after = house.statuses(credentials, lambda: house.api("POST", "/users/alice/disable"))
    assert (before, after) == ({200}, {401})


def test_a_changed_password(house: House, alice: str) -> None:
    credentials = [alice, house.token(alice)]
    try:
        before, after = house.statuses(
            credentials, lambda: house.api("PUT", "/users/alice/password", {"password": "another-" + PASSWORD})
        )
    finally:
        house.api("PUT", "/users/alice/password", {"password": PASSWORD})
    assert (before, after) == ({200}, {401})


def test_a_revoked_key_and_what_was_made_of_it(house: House, alice: str) -> None:
    key = basic("alice", house.key("revoked", by=alice))
    before, after = house.statuses([key, house.token(key)], lambda: house.api("DELETE", "/keys/me/revoked", by=alice))
    assert (before, after) == ({200}, {401})
    assert house.statuses([alice], lambda: None) == ({200}, {200})


def test_a_rotated_key_lives_on_until_it_is_finished(house: House, alice: str) -> None:
    key = basic("alice", house.key("rotated", by=alice))
    assert house.statuses([key], lambda: house.api("POST", "/keys/me/rotated/rotate", {}, by=alice)) == ({200}, {200})
    before, after = house.statuses([key], lambda: house.api("POST", "/keys/me/rotated/finish", by=alice))
    assert (before, after) == ({200}, {401})


def test_a_disabled_robot(house: House) -> None:
    key = basic("team+ci", house.key("main", owner="robot:team+ci"))
    before, after = house.statuses([key, house.token(key)], lambda: house.api("POST", "/robots/team+ci/disable"))
    assert (before, after) == ({200}, {401})


def test_a_removed_grant(house: House, alice: str) -> None:
    key = basic("alice", house.key("granted", by=alice))
    (grant,) = [each for each in house.api("GET", "/grants").json["items"] if each["subject"] == "user:alice"]
    credentials = [alice, key, house.token(alice)]
    try:
        before, after = house.statuses(credentials, lambda: house.api("DELETE", f"/grants/{grant['id']}"))
    finally:
        house.api("POST", "/grants", {"subject": "user:alice", "role": "reader", "scope": "**"})
    assert (before, after) == ({200}, {403})


def test_a_reset_on_the_host_ends_keys_and_tokens(house: House, alice: str) -> None:
    key = basic("alice", house.key("reset", by=alice))

    def reset() -> None:
        words = ("admin", "reset", "alice", "--data", str(house.server.data))
        done = holdfast(house.server.logs, *words, status=0, **house.server.env)
        assert "ended: " in done.stderr
        assert done.stdout.startswith("user: alice\npassword: ")

    try:
        before, after = house.statuses([alice, key, house.token(alice), house.token(key)], reset)
    finally:
        house.api("PUT", "/users/alice/password", {"password": PASSWORD})
    assert (before, after) == ({200}, {401})
