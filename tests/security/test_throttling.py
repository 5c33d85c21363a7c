"""Failed log-ins slow down whoever makes them and lock nobody out, seen on the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.pairs import Pair
from tests.serving import Server, running_server
from tests.wire.always import checked
from tests.wire.client import Answer, Connection, basic, connected

from holdfast.access.keys.secret import new_secret

HOME, ELSEWHERE, THIRD = "192.0.2.7", "198.51.100.9", "203.0.113.5"
FREE = 3
BROKEN = "hf_" + "0" * 36


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Run a server that believes the addresses which the tests come from."""
    flags = ("--trusted-proxies", "127.0.0.1", "--login-failures", str(FREE), "--login-accounts", "4")
    with running_server(tmp_path, *flags, pair=Pair.EMBEDDED) as running:
        yield running


@pytest.fixture
def connection(server: Server) -> Iterator[Connection]:
    """Give a connection that shows no credential by itself."""
    with connected(server.port) as found:
        yield found


def log_in(connection: Connection, name: str, secret: str, address: str = HOME) -> Answer:
    """Try a name and a secret from an address."""
    headers = {"Authorization": basic(name, secret), "X-Forwarded-For": address}
    return checked(connection.ask("GET", "/v2/", headers=headers))


def fail(connection: Connection, name: str, times: int, address: str = HOME) -> list[int]:
    """So many different wrong passwords."""
    return [log_in(connection, name, f"wrong-{address}-{number}", address).status for number in range(times)]


@pytest.mark.parametrize("name", ["admin", "nobody"])
def test_who_fails_waits_and_nobody_else(server: Server, connection: Connection, name: str) -> None:
    assert fail(connection, name, FREE) == [401] * FREE
    refused = log_in(connection, name, "yet another one")
    assert (refused.status, refused.code, refused["retry-after"]) == (429, "TOOMANYREQUESTS", "1")
    secret = server.admin.password
    assert log_in(connection, "admin", secret, ELSEWHERE).status == 200
    assert log_in(connection, "somebody-else", "wrong").status == 401


def test_a_right_password_from_where_it_came_lately_never_waits(server: Server, connection: Connection) -> None:
    secret = server.admin.password
    assert log_in(connection, "admin", secret).status == 200
    assert fail(connection, "admin", 6) == [401] * FREE + [429] * 3
    assert log_in(connection, "admin", secret).status == 200
    assert log_in(connection, "admin", secret, "192.0.2.200").status == 200, "the same network"


def test_one_wrong_secret_counts_once(connection: Connection) -> None:
    for name in ("admin", "nobody"):
        assert {log_in(connection, name, "an old password").status for _ in range(30)} == {401}


def test_the_branches_do_not_count_for_each_other(server: Server, connection: Connection) -> None:
    for _ in range(10):
        assert log_in(connection, "admin", BROKEN).status == 401, "a broken checksum costs nothing"
    for _ in range(FREE):
        assert log_in(connection, "admin", new_secret()).status == 401
    assert log_in(connection, "admin", new_secret()).status == 429
    assert log_in(connection, "admin", server.admin.password).status == 200


def test_an_address_that_tries_many_accounts_is_slowed_for_all(server: Server, connection: Connection) -> None:
    for number in range(4):
        assert log_in(connection, f"user-{number}", "Summer-2026!", THIRD).status == 401
    assert log_in(connection, "admin", server.admin.password, THIRD).status == 429
    assert log_in(connection, "admin", server.admin.password, HOME).status == 200


def test_real_and_unreal_names_are_answered_alike(connection: Connection) -> None:
    """The same statuses in the same order, and the same bytes but for the request id and the time."""

    def seen(name: str) -> list[tuple[int, list[tuple[str, str]], str]]:
        answers = [log_in(connection, name, f"wrong-{number}") for number in range(FREE + 1)]
        ids = {answer["x-request-id"] for answer in answers}
        told = []
        for answer in answers:
            fields = sorted(pair for pair in answer.fields if pair[0] not in ("x-request-id", "date"))
            body = answer.body.decode()
            for each in ids:
                body = body.replace(each, "ID")
            told.append((answer.status, fields, body))
        return told

    assert seen("admin") == seen("nobody")


def test_the_token_endpoint_counts_alike(connection: Connection) -> None:
    """And containerd, which tries a wrong password by POST and again by GET, fails once."""
    found: Counter[int] = Counter()
    for number in range(FREE):
        body = f"grant_type=password&username=admin&password=wrong-{number}&service=holdfast&client_id=t".encode()
        form = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": HOME}
        found[connection.ask("POST", "/token", body, form).status] += 1
        headers = {"Authorization": basic("admin", f"wrong-{number}"), "X-Forwarded-For": HOME}
        found[connection.ask("GET", "/token?service=holdfast", headers=headers).status] += 1
    assert found == {401: 2 * FREE}
    headers = {"Authorization": basic("admin", "one more"), "X-Forwarded-For": HOME}
    assert connection.ask("GET", "/token?service=holdfast", headers=headers).status == 429
