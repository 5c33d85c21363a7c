"""The description of the API (OpenAPI), generated from the routes and their models."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI

from holdfast.api.problem import SCHEMA

_TEXT = """The management API of a Holdfast registry: users, groups, robots, keys, roles, grants, and what they come to.

Every operation needs a credential: HTTP Basic with a user's password or a key, or a token of the registry's token
endpoint that was asked for the scope `registry:management:*`. What the caller may not see is answered as what does not
exist: 404. Refusals are problem details (RFC 9457).
"""
_SCHEMES = {
    "password": {"type": "http", "scheme": "basic", "description": "A user and a password, or a key."},
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of the token endpoint, asked for `registry:management:*`.",
    },
}


class Described(FastAPI):
    """FastAPI, whose description says what the frame adds to every route."""

    def description_bytes(self) -> bytes:
        """The document as JSON."""
        return json.dumps(self.openapi(), separators=(",", ":")).encode()

    def openapi(self) -> dict[str, Any]:
        """The document; made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            document["info"]["description"] = _TEXT
            components = document.setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schemas["Problem"] = SCHEMA
            components["securitySchemes"] = _SCHEMES
            document["security"] = [{name: []} for name in _SCHEMES]
            for path in document["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
            self.openapi_schema = document
        return self.openapi_schema
