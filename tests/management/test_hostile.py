"""Thousands of malformed requests to every operation, made from its own description: none is answered with a fault."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.management.api import Asker
from tests.management.conftest import PASSWORD
from tests.serving import running_server

_EACH = 60
_TEXTS = (
    *(
        "",
        " ",
        "a",
        "A",
        "admin",
        "user:admin",
        "robot:a/b+c",
        "group:x",
        "anonymous",
        "**",
        "*",
        "a/**",
        "a/**:v*",
        "pull",
    ),
    *(
        "../../etc/passwd",
        "a//b",
        "/",
        "//",
        "~",
        "~1",
        "~0",
        "~2",
        "%",
        "%2F",
        "%00",
        "\0",
        "\n",
        "\r\n",
        "\x1b[31m",
        "\x7f",
    ),
    *(
        "\u202e",
        "\xe4",
        "\U0001f6a2",
        "a" * 300,
        "a" * 5000,
        "1" * 40,
        "-1",
        "0",
        "1e9",
        "null",
        "true",
        "[]",
        "{}",
        "'",
        '"',
    ),
    *("'; drop table account; --", "${jndi:ldap://x}", "{{7*7}}", "<script>alert(1)</script>", "2027-01-01T00:00:00Z"),
    *(
        "2027-01-01",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
        "10.0.0.0/8",
        "::/0",
        "Europe/Berlin",
        "mon",
        "https://a",
    ),
    *("http://127.0.0.1", "http://[::1", "file:///etc/passwd", "hf_" + "a" * 36, "eyJ.eyJ.sig", "sha256:" + "0" * 64),
)
_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**63,
    -(2**63),
    2**80,
    1.5,
    -0.0,
    1e300,
    [],
    {},
    [[]],
    [None],
    {"a": 1},
)


class Maker:
    """Makes requests; the same for the same seed."""

    def __init__(self, document: dict[str, Any], seed: str) -> None:
        self._schemas = document["components"]["schemas"]
        self._chance = random.Random(seed)

    def text(self) -> str:
        """Some text."""
        return self._chance.choice(_TEXTS)

    def body(self, schema: Any, depth: int = 0) -> Any:
        """A value that mostly follows its schema, with something odd somewhere."""
        chance = self._chance
        if depth > 6 or chance.random() < 0.12:
            return chance.choice((*_VALUES, self.text()))
        if "$ref" in schema:
            return self.body(self._schemas[schema["$ref"].rpartition("/")[2]], depth + 1)
        if "anyOf" in schema:
            return self.body(chance.choice(schema["anyOf"]), depth + 1)
        if "enum" in schema or "const" in schema:
            return chance.choice(schema.get("enum", [schema.get("const")]))
        kind = schema.get("type")
        if kind == "object":
            known = schema.get("properties", {})
            given = {name: self.body(inner, depth + 1) for name, inner in known.items() if chance.random() < 0.8}
            if chance.random() < 0.1 or not known:
                given[self.text()] = self.text()
            return given
        if kind == "array":
            return [self.body(schema.get("items", {}), depth + 1) for _ in range(chance.choice((0, 1, 1, 2, 3, 120)))]
        if kind == "integer":
            return chance.choice((0, 1, -1, 2**31, 2**62, 2**63, 2**64))
        if kind == "boolean":
            return chance.choice((True, False))
        return self.text() if kind == "string" else None

    def path(self, template: str, operation: dict[str, Any]) -> str:
        """A path with a query."""
        chance = self._chance
        path = template
        fields = []
        for each in operation.get("parameters", []):
            if each["in"] == "path":
                path = path.replace("{" + each["name"] + "}", self._segment())
            elif each["in"] == "query" and chance.random() < 0.6:
                value = str(self.body(each["schema"])) if chance.random() < 0.5 else self.text()
                fields.append(f"{each['name']}={quote(value, safe='')}")
        return path + ("?" + "&".join(fields) if fields else "")

    def _segment(self) -> str:
        return quote(self.text().replace("/", "~1"), safe="~") or "x"

    def headers(self) -> dict[str, str]:
        """Now and then a precondition."""
        if self._chance.random() < 0.2:
            return {"If_Match": self._chance.choice(('"1"', '"x"', "*", 'W/"1"', '"999999999999999999"', ""))}
        return {}


@pytest.fixture
def ruined(tmp_path: Path) -> Iterator[tuple[Asker, Asker]]:
    """Ask a server of its own, as its administrator and as another one who may be locked out: all is tried."""
    with running_server(tmp_path, env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD}) as server:
        admin, victim = Asker.named(server, "admin", PASSWORD), Asker.named(server, "victim", PASSWORD)
        admin.do(201, "POST", "/users", {"name": "victim", "password": PASSWORD})
        admin.do(201, "POST", "/grants", {"subject": "user:victim", "role": "administrator", "scope": "**"})
        yield admin, victim
        admin.close()
        victim.close()


def test_no_request_is_a_fault(ruined: tuple[Asker, Asker], record_property: Any) -> None:
    admin, victim = ruined
    document = admin.do(200, "GET", "/openapi.json")
    sent: dict[int, int] = {}
    for template, found in document["paths"].items():
        for method, operation in found.items():
            maker = Maker(document, f"{method} {template}")
            for _ in range(_EACH):
                path = maker.path(template, operation).removeprefix("/api/v1")
                content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                body = None
                if content:
                    body = json.dumps(maker.body(content["schema"])).encode()
                # An answer without an end says nothing by its body.
                verb = "HEAD" if template.endswith("/stream") else method.upper()
                answer = victim.ask(verb, path, body, **maker.headers())
                sent[answer.status] = sent.get(answer.status, 0) + 1
                if answer.status == 401:
                    _restore(admin)
    assert sum(sent.values()) >= 4000
    assert set(sent) & {200, 400, 404}
    record_property("fault", f"management: {sum(sent.values())} malformed requests, {dict(sorted(sent.items()))}")
    assert "Traceback" not in admin.server.log_text()


def _restore(admin: Asker) -> None:
    """Let the victim in again, if the administrator still may."""
    if admin.ask("GET", "/users/victim").status == 200:
        admin.ask("POST", "/users/victim/enable")
        admin.ask("PUT", "/users/victim/password", {"password": PASSWORD})
