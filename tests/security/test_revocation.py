"""Every request is decided by the rights of its moment, and a flood of wrong passwords keeps nobody out."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.cli.program import holdfast
from tests.pairs import Pair
from tests.security.tenants import Tenants, ask_token, bearer
from tests.serving import Server, printed_admin, running_server
from tests.wire.always import checked
from tests.wire.client import Connection, basic, connected
from tests.wire.content import OCI_INDEX, digest, index, noise
from tests.wire.repository import Repository

DATA = noise(300_000, "revocation")
EMPTY_INDEX = index([])


def reset(server: Server) -> str:
    """Give the administrator a new password; returns what was printed."""
    words = ("admin", "reset", "admin", "--data", str(server.data))
    return holdfast(server.logs, *words, status=0, **server.env).stdout


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_changed_password_ends_the_old_one_at_the_next_request(tmp_path: Path, pair: Pair, workers: str) -> None:
    with running_server(tmp_path, "--workers", workers, pair=pair) as server:
        old = server.admin
        with connected(server.port, {"Authorization": old.basic}) as connection:
            repository = Repository(connection, "revocation/own")
            begun = [repository.begun(DATA[:size]) for size in (100, 100_000)]
            repository.blob(DATA)
            printed = reset(server)
            # The connection is the same, and the server recognised the header a moment ago.
            for method, path, body in (
                ("GET", "/v2/", b""),
                ("GET", f"blobs/{digest(DATA)}", b""),
                ("HEAD", f"blobs/{digest(DATA)}", b""),
                ("PATCH", begun[0], DATA[100:]),
                ("PUT", f"{begun[1]}?digest={digest(DATA)}", DATA[100_000:]),
                ("GET", begun[0], b""),
                ("DELETE", begun[1], b""),
                ("POST", f"blobs/uploads/?digest={digest(b'new')}", b"new"),
                ("GET", "tags/list", b""),
                ("GET", "/v2/_catalog", b""),
                ("GET", "/v2/nothing/here", b""),
            ):
                assert repository.ask(method, path, body).status == 401, f"{method} {path}"
        with connected(server.port, {"Authorization": printed_admin(printed).basic}) as connection:
            repository = Repository(connection, "revocation/own")
            assert [repository.expect(204, "GET", location)["range"] for location in begun] == ["0-99", "0-99999"]
            repository.expect(201, "PUT", f"{begun[1]}?digest={digest(DATA)}", DATA[100_000:])
            repository.expect(404, "GET", f"blobs/{digest(b'new')}", code="BLOB_UNKNOWN")


def test_a_right_that_ends_in_the_middle_of_a_chunk_stores_nothing(tmp_path: Path, pair: Pair) -> None:
    with running_server(tmp_path, pair=pair) as server:
        headers = {"Authorization": server.admin.basic}
        with connected(server.port, headers) as connection, connected(server.port, headers) as slow:
            repository = Repository(connection, "revocation/chunk")
            location = repository.begun(DATA[:100])
            request = slow.begin("PATCH", location, 200_000)
            slow.send(DATA[100:100_100])
            printed = reset(server)
            slow.send(DATA[100_100:200_100])
            assert checked(slow.receive(request)).status == 401
        with connected(server.port, {"Authorization": printed_admin(printed).basic}) as connection:
            assert Repository(connection, "revocation/chunk").expect(204, "GET", location)["range"] == "0-99"


def test_a_change_that_leaves_the_right_standing_fails_no_push_under_way(tmp_path: Path, pair: Pair) -> None:
    """Roles, visibility and the pusher's own grants change while a chunk, a blob and a manifest come."""
    with running_server(tmp_path, pair=pair) as server:
        tenants = Tenants(server)
        basic_, role = tenants.user("alice"), {"name": "some", "actions": ["pull"]}
        tenants.grant("user:alice", "writer", "team/**")
        token = ask_token(tenants.admin.connection, basic_, ["repository:team/app:pull,push"])
        for number, header in enumerate((basic_, bearer(token))):
            with connected(server.port, {"Authorization": header}) as quick, connected(server.port) as slow:
                slow.headers["Authorization"] = header
                repository = Repository(quick, "team/app")
                location = repository.begun(DATA[:100])
                pieces = ((location, "PATCH", DATA[100:200_100], 202), ("/manifests/v1", "PUT", EMPTY_INDEX, 201))
                for target, method, data, status in pieces:
                    path = target if target.startswith("/v2/") else f"/v2/team/app{target}"
                    slow.headers["Content-Type"] = OCI_INDEX
                    request = slow.begin(method, path, len(data))
                    slow.send(data[: len(data) // 2])
                    tenants.open(f"elsewhere{number}")
                    tenants.grant("user:alice", "reader", f"other{number}-{method.lower()}/**")
                    if number == 0 and method == "PATCH":
                        tenants.admin.do(201, "POST", "/roles", role)
                    slow.send(data[len(data) // 2 :])
                    assert checked(slow.receive(request)).status == status
                repository.expect(201, "POST", f"blobs/uploads/?digest={digest(DATA)}", DATA)
        tenants.close()


def ask(server: Server, number: int) -> int:
    with connected(server.port) as connection:
        return checked(
            connection.ask("GET", "/v2/", headers={"Authorization": basic("admin", f"wrong-{number}")})
        ).status


def test_a_flood_of_wrong_passwords_keeps_nobody_out(closed_server: Server, admin: Connection) -> None:
    with ThreadPoolExecutor(90) as threads:
        flood = threads.map(ask, [closed_server] * 180, range(180))
        for _ in range(50):
            assert checked(admin.ask("GET", "/v2/_catalog")).status == 200
        outcomes = Counter(flood)
    assert set(outcomes) <= {401, 429}, outcomes
    assert outcomes[401] > 0
