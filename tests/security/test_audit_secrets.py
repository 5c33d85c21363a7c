"""No row of the audit, of the usage, and no checkpoint ever holds a secret, wherever clients put one."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.databases import Tables
from tests.management.api import Asker
from tests.security.test_secrets import spellings
from tests.serving import Server, pause, running_server
from tests.wire.client import basic

ADMIN = "Planted-Admin-Password-1"
WRONG = "Planted-Wrong-Password-22"
OTHER = "Planted-Other-Password-33"
CLIENT = "Planted-Client-Secret-444"
BEARER = "eyJhbGciOiJFUzI1NiJ9.UGxhbnRlZC1CZWFyZXI.UGxhbnRlZC1TaWduYXR1cmU"
TABLES = ("journal", "audit_checkpoint", "access_use")


class Scene:
    """A server, and the secrets that were given to it or came from it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.admin = Asker.named(server, "admin", ADMIN)
        self.secrets = [ADMIN, WRONG, OTHER, CLIENT, BEARER]

    def rows(self) -> str:
        """Everything that the tables hold, as text."""
        tables = Tables(str(self.server.data / "holdfast.db"))
        try:
            return "\n".join(repr(tables.sql(f"select * from {name}")) for name in TABLES)
        finally:
            tables.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    place: Path = tmp_path_factory.mktemp("planted")
    with running_server(place, env={"HOLDFAST_ADMIN_PASSWORD": ADMIN}) as server:
        scene = Scene(server)
        try:
            _plant(scene)
            server.restart()  # a stop stores what is folded and counted
            for _ in range(120):
                if scene.admin.do(200, "GET", "/audit/tail")["unsealed"] == 0:
                    break
                pause(0.25)
            yield scene
        finally:
            scene.admin.close()


def _plant(scene: Scene) -> None:
    """Everything that has to do with a secret, done well and done wrong."""
    admin = scene.admin
    admin.do(201, "POST", "/users", {"name": "dora", "password": OTHER})
    admin.do(204, "PUT", "/users/dora/password", {"password": OTHER + "x"})
    admin.do(201, "POST", "/robots", {"namespace": "shop", "name": "ci"})
    made = admin.do(201, "POST", "/keys", {"name": "k", "owner": "robot:shop+ci"})
    scene.secrets.append(made["secret"])
    rotated = admin.do(200, "POST", "/keys/robot:shop+ci/k/rotate", {})
    scene.secrets.append(rotated["secret"])
    form = (
        f"grant_type=password&username=admin&password={ADMIN}&access_type=offline&client_id=x&scope=registry:catalog:*"
    )
    answer = admin.connection.ask(
        "POST", "/token", form.encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status == 200, answer
    scene.secrets += [answer.json["access_token"], answer.json["refresh_token"]]
    admin.ask(
        "POST",
        "/providers",
        {"name": "corp", "issuer": "https://id.example.com", "client_id": "x", "client_secret": CLIENT},
    )
    for header in (
        basic("admin", WRONG),
        basic(WRONG, "x"),
        basic(WRONG, WRONG),
        basic(made["secret"], made["secret"]),
        basic(made["secret"], WRONG),
        basic("shop+ci", made["secret"][:-1] + "!"),
        basic("x", BEARER),
        f"Bearer {BEARER}",
    ):
        asker = Asker(scene.server, header)
        for path in ("/v2/shop/web/manifests/v1", "/v2/_catalog", "/token?service=x&scope=repository:a:pull"):
            asker.connection.ask("GET", path)
        asker.close()
    robot = Asker.named(scene.server, "shop+ci", rotated["secret"])
    assert robot.connection.ask("GET", "/v2/shop/web/manifests/v1").status == 403
    robot.ask("PUT", "/users/dora/password", {"password": OTHER})
    robot.close()
    with contextlib.suppress(AssertionError):
        admin.ask("PUT", "/users/nobody/password", {"password": OTHER})


def test_no_row_holds_a_secret(scene: Scene) -> None:
    rows = scene.rows()
    for kind in ("key.created", "key.rotated", "password.changed", "login.failed", "access.denied", "session.started"):
        assert kind in rows, f"{kind} was not tried"
    found = [secret for secret in scene.secrets for spelled in spellings(secret) if spelled.decode("latin-1") in rows]
    assert found == []


def test_no_answer_of_the_audit_holds_one(scene: Scene) -> None:
    shown = json.dumps([scene.admin.items("/audit", 500), scene.admin.items("/usage", 500)])
    assert [secret for secret in scene.secrets if secret in shown] == []
    assert "login.failed" in shown
