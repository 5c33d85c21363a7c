"""The things that the management API's rows are asked about, made by an administrator when a row needs them, and made
anew after a request that changed something."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping
from string import Formatter
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from joserfc.jwk import ECKey
from tests.security.matrix.operation import Operation
from tests.security.matrix.subjects import Subject
from tests.security.matrix.world import World, escaped
from tests.wire.client import Answer, Connection, basic, connected

_PASSWORD = "the long password of somebody"
_PATIENCE = 30.0


class Administration:
    """Asks the management API as anybody, with things of its own to ask about."""

    _number = itertools.count()

    def __init__(self, world: World) -> None:
        self.world = world
        self._things: dict[str, str] = {}
        key = ECKey.import_key(generate_private_key(SECP256R1()))
        self.jwks = {"keys": [{**key.as_dict(private=False), "kid": "k", "alg": "ES256", "use": "sig"}]}

    def ask(self, connection: Connection, operation: Operation, subject: Subject, header: str) -> Answer:
        """One operation, as `subject`."""
        path, _, query = operation.path.partition("?")
        parts = "/".join(escaped(self._filled(part, subject)) for part in path.split("/"))
        fields = [field.partition("=") for field in query.split("&") if field]
        asked = "&".join(f"{name}={quote(self._filled(value, subject), safe='')}" for name, _, value in fields)
        body = json.dumps(self._body(operation.body, subject)).encode() if operation.body is not None else b""
        headers = {"Authorization": header, "Content-Type": "application/json" if body else ""}
        target = f"/api/v1/{parts}{'?' + asked if asked else ''}"
        answer = connection.ask(operation.method, target, body, headers)
        if operation.method != "GET" and answer.status < 300:
            self._things.clear()
        return answer

    def _body(self, body: Mapping[str, Any], subject: Subject) -> dict[str, Any]:
        filled = {
            name: self._filled(value, subject) if isinstance(value, str) else value for name, value in body.items()
        }
        if "jwks" in filled:
            filled["jwks"] = self.jwks
        return filled

    def _filled(self, text: str, subject: Subject) -> str:
        values = {}
        for _, name, _, _ in Formatter().parse(text):
            if name == "self":
                values[name] = subject.name
            elif name == "new":
                values[name] = f"new-{next(self._number)}"
            elif name:
                values[name] = self._thing(name)
        return text.format_map(values)

    def _thing(self, name: str) -> str:
        if name not in self._things:
            self._things[name] = getattr(self, f"_{name}")(f"{name.replace('_', '-')}-{next(self._number)}")
        return self._things[name]

    def _app(self, _name: str) -> str:
        return "team/app"

    def _other(self, _name: str) -> str:
        return "other/app"

    def _empty(self, name: str) -> str:
        self.world.api(201, "POST", "repositories", {"name": f"team/{name}"})
        return f"team/{name}"

    def _full(self, name: str) -> str:
        """A namespace with something in it."""
        return self._empty(f"{name}/app").rpartition("/")[0]

    def _gone(self, name: str) -> str:
        self.world.api(200, "DELETE", f"repositories/{escaped(self._empty(name))}")
        return f"team/{name}"

    def _user(self, name: str) -> str:
        self.world.api(201, "POST", "users", {"name": name, "password": _PASSWORD})
        return name

    def _group(self, name: str) -> str:
        self.world.api(201, "POST", "groups", {"name": name})
        self.world.api(204, "PUT", f"groups/{name}/members/{escaped('user:' + self._thing('user'))}")
        return name

    def _robot(self, name: str, namespace: str = "team") -> str:
        self.world.api(201, "POST", "robots", {"namespace": namespace, "name": name})
        return f"{namespace}+{name}"

    def _foreign(self, name: str) -> str:
        return self._robot(name, "other")

    def _keyed(self, name: str) -> str:
        robot = self._robot(name)
        self.world.api(201, "POST", "keys", {"name": "k", "owner": f"robot:{robot}"})
        self.world.api(200, "POST", f"keys/{escaped('robot:' + robot)}/k/rotate", {})
        return robot

    def _role(self, name: str) -> str:
        self.world.api(201, "POST", "roles", {"name": name, "actions": ["pull"]})
        return name

    def _grant(self, _name: str, namespace: str = "team") -> str:
        given = {"subject": f"user:{self._thing('user')}", "role": "reader", "scope": f"{namespace}/**"}
        return str(self.world.api(201, "POST", "grants", given).json["id"])

    def _foreign_grant(self, name: str) -> str:
        return self._grant(name, "other")

    def _request(self, name: str, namespace: str = "team") -> str:
        """The number of a request of the user for access to the namespace."""
        user = self._user(name)
        given = json.dumps({"action": "pull", "repository": f"{namespace}/app"}).encode()
        headers = {"Authorization": basic(user, _PASSWORD), "Content-Type": "application/json"}
        with connected(self.world.server.port, headers) as theirs:
            made = theirs.ask("POST", "/api/v1/access-requests", given)
        assert made.status == 201, str(made)
        return str(made.json["id"])

    def _foreign_request(self, name: str) -> str:
        return self._request(name, "other")

    def _invitation(self, _name: str, namespace: str = "team") -> str:
        given = {"role": "reader", "scope": f"{namespace}/**"}
        return str(self.world.api(201, "POST", "invitations", given).json["id"])

    def _foreign_invitation(self, name: str) -> str:
        return self._invitation(name, "other")

    def _code(self, name: str) -> str:
        """The code of an invitation to a namespace of its own."""
        given = {"role": "reader", "scope": f"{name}/**"}
        return str(self.world.api(201, "POST", "invitations", given).json["code"])

    def _session(self, _name: str) -> str:
        """The id of a refresh token of the user."""
        login = basic(self._thing("user"), _PASSWORD)
        with connected(self.world.server.port, {"Authorization": login}) as theirs:
            given = theirs.ask("GET", "/token?service=matrix&offline_token=true")
            assert "refresh_token" in given.json, str(given)
            found = theirs.ask("GET", "/api/v1/sessions")
        return str(found.json["items"][-1]["id"])

    def _job(self, _name: str) -> str:
        """The id of a job that the administrator started."""
        return str(self.world.api(202, "POST", "collections", {"dry_run": True}).json["id"])

    def _change(self, _name: str) -> str:
        """The id of a change that somebody else looked at."""
        given = {"kind": "private", "repositories": ["team/app"]}
        with connected(self.world.server.port, self._theirs()) as theirs:
            made = theirs.ask("POST", "/api/v1/changes/repositories", json.dumps(given).encode())
        assert made.status == 201, str(made)
        return str(made.json["id"])

    def _export(self, _name: str) -> str:
        """The id of a file that somebody else asked for."""
        with connected(self.world.server.port, self._theirs()) as theirs:
            made = theirs.ask("POST", "/api/v1/exports", json.dumps({"list": "repositories"}).encode())
        assert made.status == 202, str(made)
        return str(made.json["id"])

    def _theirs(self) -> dict[str, str]:
        """The headers of one more user, who reads the namespace."""
        user = self._user(f"theirs-{next(self._number)}")
        self.world.api(201, "POST", "grants", {"subject": f"user:{user}", "role": "reader", "scope": "team/**"})
        return {"Authorization": basic(user, _PASSWORD), "Content-Type": "application/json"}

    def _issuer(self, name: str) -> str:
        given = {"name": name, "iss": f"https://{name}.example", "audience": "registry.example", "jwks": self.jwks}
        self.world.api(201, "POST", "issuers", given)
        return name

    def _rule(self, name: str) -> str:
        given = {
            "namespace": "team",
            "name": name,
            "issuer": self._thing("issuer"),
            "robot": self._thing("robot"),
            "claims": {"sub": "a-machine"},
        }
        self.world.api(201, "POST", "federation/rules", given)
        return name

    def _plan(self, _name: str, path: str = "team") -> str:
        """A plan that is ready: no rules hold, so it is at once."""
        made = self.world.api(202, "POST", "retention/plans", {"path": path}).json
        until = time.monotonic() + _PATIENCE
        while self.world.api(200, "GET", f"retention/plans/{made['plan']}").json["state"] == "making":
            assert time.monotonic() < until, "the plan is not made"
        return str(made["plan"])

    def _foreign_plan(self, name: str) -> str:
        return self._plan(name, "other")

    def _webhook(self, name: str, namespace: str = "team") -> str:
        given = {"path": f"{namespace}/{name}", "url": "https://127.0.0.1:1/hook"}
        return str(self.world.api(201, "POST", "webhooks", given).json["id"])

    def _foreign_webhook(self, name: str) -> str:
        return self._webhook(name, "other")

    def _tested(self, _name: str) -> str:
        """The number of a test of the webhook."""
        return str(self.world.api(200, "POST", f"webhooks/{self._thing('webhook')}/test").json["event"])

    def _source(self, name: str) -> str:
        self.world.api(200, "PUT", f"inventories/{name}?path=team", {"images": []})
        return name

    def _canary(self, name: str) -> str:
        return str(self.world.api(201, "POST", "unusual/canaries", {"repository": f"team/{name}"}).json["id"])

    def _shown(self, _name: str) -> str:
        return "team/app"

    def _hidden(self, _name: str) -> str:
        return "other/app"
