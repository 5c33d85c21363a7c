"""Users, grants and tokens on a real server, for tests that ask it as one of them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from tests.management.api import Asker
from tests.serving import Server
from tests.wire.always import checked
from tests.wire.client import Answer, Connection, basic

PASSWORD = "Planted-Password-0815"


class Tenants:
    """The administrator's hands: makes users and grants. Names are the test's own."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.admin = Asker(server, server.admin.basic)

    def user(self, name: str) -> str:
        """Make a user; gives its Authorization header."""
        self.admin.do(201, "POST", "/users", {"name": name, "password": PASSWORD})
        return basic(name, PASSWORD)

    def grant(self, subject: str, role: str, scope: str) -> int:
        """Give `subject` a role; gives the grant's id."""
        made = self.admin.do(201, "POST", "/grants", {"subject": subject, "role": role, "scope": scope})
        return int(made["id"])

    def deny(self, subject: str, action: str, scope: str) -> None:
        """Deny `subject` an action."""
        self.admin.do(201, "POST", "/grants", {"subject": subject, "deny": [action], "scope": scope})

    def open(self, path: str, *, public: bool = True) -> None:
        """Open a path to everyone, or close it."""
        self.admin.do(200, "PUT", "/visibility", {"path": path, "visibility": "public" if public else "private"})

    def close(self) -> None:
        """Let go of the connection."""
        self.admin.close()


def ask_token(
    connection: Connection, authorization: str = "", scopes: Sequence[str] = (), path: str = "/token", **more: str
) -> Answer:
    """GET a token."""
    query = urlencode([*(("scope", scope) for scope in scopes), *more.items()])
    return checked(connection.ask("GET", f"{path}?{query}", headers={"Authorization": authorization}))


def post_token(connection: Connection, path: str = "/token", **form: str) -> Answer:
    """POST for a token."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": ""}
    return checked(connection.ask("POST", path, urlencode(form).encode(), headers))


def bearer(answer: Answer) -> str:
    """The header with the token of an answer."""
    assert answer.status == 200, str(answer)
    assert answer.json["token"] == answer.json["access_token"]
    return f"Bearer {answer.json['token']}"


def claims(answer: Answer) -> dict[str, Any]:
    """What the token of an answer says."""
    part = answer.json["token"].split(".")[1]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found
