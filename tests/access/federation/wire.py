"""The management API and the token endpoint of a running server, for tests of federation end to end."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from tests.serving import Server
from tests.wire.client import Answer, Connection, connected
from tests.wire.content import image

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
CONFIG = b"{}"


def basic(name: str, secret: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + b64encode(f"{name}:{secret}".encode()).decode()


class Registry:
    """A running server, as its administrator and as a machine."""

    def __init__(self, connection: Connection, admin: str) -> None:
        self.connection = connection
        self.admin = admin

    def api(self, method: str, path: str, body: Any = None, status: int = 0) -> Any:
        """Call the management API as the administrator and insist on a status (0: any good one)."""
        headers = {"Authorization": self.admin, "Content-Type": "application/json"}
        data = b"" if body is None else json.dumps(body).encode()
        answer = self.connection.ask(method, "/api/v1" + path, data, headers)
        assert answer.status == status or (not status and answer.status < 300), str(answer)
        return answer.json if answer.body else None

    def issuer(self, name: str, iss: str, **more: Any) -> None:
        """Register an issuer."""
        self.api("POST", "/issuers", {"name": name, "iss": iss, **more})

    def robot(self, namespace: str, name: str, *grants: tuple[str, str], **conditions: Any) -> str:
        """A robot with grants (role, scope); gives its whole name."""
        made: str = self.api("POST", "/robots", {"namespace": namespace, "name": name})["name"]
        for role, scope in grants:
            self.grant(made, role, scope, **conditions)
        return made

    def grant(self, robot: str, role: str, scope: str, **conditions: Any) -> None:
        """A grant to a robot."""
        body = {"subject": f"robot:{robot}", "role": role, "scope": scope}
        self.api("POST", "/grants", {**body, **({"conditions": conditions} if conditions else {})})

    def rule(self, name: str, issuer: str, robot: str, **claims: str) -> None:
        """A rule in the robot's namespace."""
        body = {"namespace": robot.partition("+")[0], "name": name, "issuer": issuer, "robot": robot, "claims": claims}
        self.api("POST", "/federation/rules", body)

    def ask(self, method: str, path: str, authorization: str, body: bytes = b"", **headers: str) -> Answer:
        """Ask as a machine."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.connection.ask(method, path, body, {"Authorization": authorization, **named})

    def push(self, repository: str, tag: str, authorization: str) -> int:
        """Push a small image; gives the first status that is no success, else that of the manifest."""
        from hashlib import sha256

        target = f"/v2/{repository}/blobs/uploads/?digest=sha256:{sha256(CONFIG).hexdigest()}"
        first = self.ask("POST", target, authorization, CONFIG)
        if first.status != 201:
            return first.status
        kind = "application/vnd.oci.image.manifest.v1+json"
        answer = self.ask("PUT", f"/v2/{repository}/manifests/{tag}", authorization, image(CONFIG), Content_Type=kind)
        return answer.status

    def pull(self, repository: str, tag: str, authorization: str) -> int:
        """Pull a manifest; gives the status."""
        return self.ask("GET", f"/v2/{repository}/manifests/{tag}", authorization).status

    def token(self, authorization: str, *scopes: str) -> Answer:
        """Ask the token endpoint by GET."""
        query = urlencode([("scope", scope) for scope in scopes])
        return self.ask("GET", f"/token?{query}", authorization)

    def exchange(self, token: str, scope: str, **more: str) -> Answer:
        """Ask the token endpoint by RFC 8693."""
        fields = {"grant_type": EXCHANGE, "subject_token_type": JWT, "subject_token": token, "scope": scope, **more}
        form = urlencode(fields).encode()
        return self.connection.ask("POST", "/token", form, {"Content-Type": "application/x-www-form-urlencoded"})


@contextmanager
def registry_of(server: Server) -> Iterator[Registry]:
    """A connection to a server."""
    with connected(server.port) as connection:
        yield Registry(connection, server.admin.basic)
