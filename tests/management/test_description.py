"""The description is valid OpenAPI, complete, and stable where clients rely on it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.docs.pages import REFERENCE, code, table
from tests.management.api import PREFIX, Asker
from tests.management.conftest import Asking

_MEDIA = {"stream_events": "text/event-stream", "read_export": "text/csv"}


@pytest.fixture(scope="module")
def document(admin: Asker) -> dict[str, Any]:
    """Give the description."""
    found: dict[str, Any] = admin.do(200, "GET", "/openapi.json")
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, each) for path, found in document["paths"].items() for method, each in found.items()]


def test_it_needs_no_credential_and_tells_nothing_of_the_installation(asking: Asking, document: dict[str, Any]) -> None:
    assert asking.by().do(200, "GET", "/openapi.json") == document
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["version"] == "1"
    assert "servers" not in document
    assert "127.0.0.1" not in json.dumps(document)


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    used = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert used <= set(schemas)
    assert set(schemas) <= used, "a schema that nothing uses"


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    seen: set[str] = set()
    for path, method, operation in operations(document):
        name = operation["operationId"]
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name), name
        assert name not in seen
        seen.add(name)
        assert path.startswith(PREFIX + "/")
        assert operation["summary"], name
        assert len(operation["tags"]) == 1
        good = [status for status in operation["responses"] if status != "default"]
        assert len(good) == 1, (name, good)
        assert "application/problem+json" in operation["responses"]["default"]["content"]
        assert "422" not in operation["responses"]
        if good != ["204"]:
            (media,) = operation["responses"][good[0]]["content"]
            assert media == _MEDIA.get(name, "application/json")
            assert operation["responses"][good[0]]["content"][media]["schema"], name
        declared = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path)), name
        assert method in ("get", "post", "put", "patch", "delete")


def test_lists_are_pages(document: dict[str, Any]) -> None:
    for _, method, operation in operations(document):
        if not operation["operationId"].startswith("list_") or operation["operationId"] == "list_audit_keys":
            continue
        assert method == "get"
        assert {"limit", "after"} <= {each["name"] for each in operation["parameters"]}, operation["operationId"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert set(document["components"]["schemas"][schema]["properties"]) >= {"items", "next"}, schema


def test_bodies_refuse_what_they_do_not_know(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    def models(schema: Any) -> set[str]:
        return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(schema)))

    for _, _, operation in operations(document):
        ahead = models(operation.get("requestBody", {}))
        seen: set[str] = set()
        while ahead:
            name = ahead.pop()
            seen.add(name)
            if schemas[name]["type"] == "object":
                assert schemas[name]["additionalProperties"] is False, name
            ahead |= models(schemas[name]) - seen


def test_no_answer_has_a_field_for_a_secret_but_those_that_show_one_once(document: dict[str, Any]) -> None:
    shown = {
        name
        for name, schema in document["components"]["schemas"].items()
        if {"secret", "password", "token", "hash", "verifier"} & set(schema.get("properties", {}))
    }
    answers = {
        name
        for _, _, operation in operations(document)
        for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(operation["responses"]))
    }
    assert shown & answers <= {"NewKeyView", "NewWebhookView", "SegmentView", "HashView", "TailView"}


def test_names_of_schemas_are_names(document: dict[str, Any]) -> None:
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


def test_every_operation_is_in_the_reference(document: dict[str, Any]) -> None:
    """The table of docs/reference/api.md has each path with its methods, and no other."""
    shown: set[tuple[str, str]] = set()
    for row in table(REFERENCE / "api.md", "operation"):
        last = ""
        methods: list[str] = []
        for word in code(row["operation"]):
            *given, path = word.split() if " " in word or "/" in word else (word, "")
            methods += given
            if path.startswith("..."):
                path = last.rsplit("/", 1)[0] + path.removeprefix("...")
            if path:
                last = path
                shown |= {(method, re.sub(r"/[A-Z]+(?=/|$)", "/*", path)) for method in methods}
    wanted = {(method.upper(), re.sub(r"{\w+}", "*", path)) for path, method, _ in operations(document)}
    assert shown == wanted
