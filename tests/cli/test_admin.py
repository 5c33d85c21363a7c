"""`holdfast admin reset`: a new password for who holds the machine, and no registry made by accident."""

import http.client
import json
from pathlib import Path
from typing import Any

from tests.cli.program import holdfast
from tests.serving import printed_admin, running_server


def test_a_reset_password_works_at_once_and_the_old_one_no_more(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        old = server.admin
        done = holdfast(tmp_path, "admin", "reset", "admin", "--data", str(server.data))
        new = printed_admin(done.stdout)
        assert new.username == "admin"
        assert new.password != old.password
        assert done.stdout == f"user: admin\npassword: {new.password}\n"
        assert done.stderr == "ended: 0 keys, 0 tokens, 0 sessions\n"
        statuses = [status(server.port, each.basic) for each in (old, new)]
        assert statuses == [401, 200]
        assert (
            "there is no user 'nobody'"
            in holdfast(tmp_path, "admin", "reset", "nobody", "--data", str(server.data), status=1).stderr
        )


def test_a_rotated_token_key_refuses_nobody_and_one_at_once_every_token(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        header = token(server.port, server.admin.basic)
        kid = holdfast(tmp_path, "admin", "rotate-token-key", "--data", str(server.data)).stdout.strip()
        assert kid in published(server.port)
        assert len(published(server.port)) == 2
        assert status(server.port, header) == 200
        at_once = holdfast(
            tmp_path, "admin", "rotate-token-key", "--at-once", "--data", str(server.data)
        ).stdout.strip()
        assert status(server.port, header) == 401
        assert published(server.port) == [at_once]
        assert status(server.port, token(server.port, server.admin.basic)) == 200


def test_where_there_is_no_registry_none_is_made(tmp_path: Path) -> None:
    for place in ("missing", "."):
        text = holdfast(tmp_path, "admin", "reset", "admin", "--data", place, status=1).stderr
        assert "there is no registry in " in text
    assert list(tmp_path.iterdir()) == []


def got(port: int, path: str, **headers: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def token(port: int, authorization: str) -> str:
    return f"Bearer {got(port, '/token', Authorization=authorization)['token']}"


def published(port: int) -> list[str]:
    return [key["kid"] for key in got(port, "/.well-known/jwks.json")["keys"]]


def status(port: int, authorization: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/v2/", headers={"Authorization": authorization})
        return connection.getresponse().status
    finally:
        connection.close()
