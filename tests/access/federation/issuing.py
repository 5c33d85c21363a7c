"""Issuers of machines' tokens for tests: real keys, and a real HTTP server on loopback with configuration and key set.

The claims are shaped as GitHub, GitLab and Kubernetes make them (their documentation of OIDC tokens); the ids are made
up.
"""

from __future__ import annotations

import json
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, KeyParameters, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

AUDIENCE = "registry.example.com"
_MADE: dict[tuple[str, str], Key] = {}


def key_of(kind: str = "RS256", kid: str = "one") -> Key:
    """A key pair; the same one for the same name, because making RSA keys takes long."""
    found = _MADE.get((kind, kid))
    if found is None:
        about: KeyParameters = {"kid": kid, "use": "sig", "alg": kind}
        if kind.startswith(("RS", "PS")):
            found = RSAKey.generate_key(2048, about)
        elif kind == "EdDSA":
            found = OKPKey.generate_key("Ed25519", about)
        else:
            found = ECKey.generate_key({"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[kind], about)
        _MADE[kind, kid] = found
    return found


def signed(claims: Mapping[str, Any], key: Key, header: Mapping[str, Any] | None = None) -> str:
    """A token; `header` is added to `alg` and `kid`, None takes a field out."""
    said = {"typ": "JWT", "alg": key.alg or "RS256", "kid": key.kid, **(header or {})}
    said = {name: value for name, value in said.items() if value is not None}
    registry = JWSRegistry(algorithms=[said["alg"]], strict_check_header=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # EdDSA by its old name
        return jws.serialize_compact(said, json.dumps(dict(claims)).encode(), key, registry=registry)


def jwk_set(*keys: Key) -> dict[str, Any]:
    """The public parts of these keys."""
    return {"keys": [key.as_dict(private=False) for key in keys if not isinstance(key, OctKey)]}


@dataclass
class Issuing:
    """An issuer: what it says its name is, its keys, and how it behaves. `asked`: the paths asked for."""

    iss: str = ""
    keys: list[Key] = field(default_factory=lambda: [key_of()])
    asked: list[str] = field(default_factory=list)
    away: bool = False
    claimed_iss: str | None = None
    jwks_uri: str | None = None
    redirect: str | None = None

    def token(
        self, claims: Mapping[str, Any], *, key: Key | None = None, header: Mapping[str, Any] | None = None
    ) -> str:
        """A token of this issuer, alive for five minutes unless `claims` say otherwise; None takes a claim out."""
        now = int(time.time())
        said = {"iss": self.iss, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 300, **claims}
        said = {name: value for name, value in said.items() if value is not None}
        return signed(said, key or self.keys[0], header)

    def answer(self, path: str) -> tuple[int, dict[str, Any], str | None]:
        """Status, body and where to of a request."""
        self.asked.append(path)
        if self.redirect is not None:
            return 302, {}, self.redirect
        if self.away:
            return 503, {}, None
        if path.endswith("/.well-known/openid-configuration"):
            issuer = self.iss if self.claimed_iss is None else self.claimed_iss
            return 200, {"issuer": issuer, "jwks_uri": self.jwks_uri or self.iss + "/keys"}, None
        if path.endswith("/keys"):
            return 200, jwk_set(*self.keys), None
        return 404, {}, None


@contextmanager
def issuing(*keys: Key, address: str = "127.0.0.1") -> Iterator[Issuing]:
    """Run an issuer on a free port of an address of loopback."""
    issuer = Issuing(keys=list(keys) or [key_of()])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, location = issuer.answer(self.path)
            data = json.dumps(body).encode()
            self.send_response_only(status)
            if location is not None:
                self.send_header("Location", location)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((address, 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    issuer.iss = f"http://{address}:{server.server_port}"
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def github(**changed: Any) -> dict[str, Any]:
    """The claims of a push to main, as GitHub Actions makes them."""
    return {
        "jti": "3b1c6b33-6e0f-4a6b-9d3c-2f3c6f2b8f6a",
        "sub": "repo:octo-org/octo-repo:ref:refs/heads/main",
        "ref": "refs/heads/main",
        "sha": "2f4d6e8a0b1c3d5e7f9a1b3c5d7e9f0a2b4c6d8e",
        "repository": "octo-org/octo-repo",
        "repository_owner": "octo-org",
        "repository_owner_id": "65432",
        "run_id": "9876543210",
        "run_number": "12",
        "run_attempt": "2",
        "repository_visibility": "private",
        "repository_id": "74",
        "actor_id": "12",
        "actor": "octocat",
        "workflow": "release",
        "head_ref": "",
        "base_ref": "",
        "event_name": "push",
        "ref_protected": "true",
        "ref_type": "branch",
        "workflow_ref": "octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main",
        "workflow_sha": "2f4d6e8a0b1c3d5e7f9a1b3c5d7e9f0a2b4c6d8e",
        "job_workflow_ref": "octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main",
        "job_workflow_sha": "2f4d6e8a0b1c3d5e7f9a1b3c5d7e9f0a2b4c6d8e",
        "runner_environment": "github-hosted",
        **changed,
    }


def github_pull_request(**changed: Any) -> dict[str, Any]:
    """The claims of a pull request of the same repository."""
    return github(
        sub="repo:octo-org/octo-repo:pull_request",
        ref="refs/pull/7/merge",
        head_ref="proposal",
        base_ref="main",
        event_name="pull_request",
        **changed,
    )


def gitlab(**changed: Any) -> dict[str, Any]:
    """The claims of a push to main, as GitLab makes them."""
    return {
        "sub": "project_path:my-group/my-project:ref_type:branch:ref:main",
        "namespace_id": "72",
        "namespace_path": "my-group",
        "project_id": "20",
        "project_path": "my-group/my-project",
        "user_id": "1",
        "user_login": "sample-user",
        "pipeline_id": "574",
        "pipeline_source": "push",
        "job_id": "302",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "groups_direct": ["my-group"],
        "runner_id": 1,
        "runner_environment": "self-hosted",
        "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        **changed,
    }


def kubernetes(**changed: Any) -> dict[str, Any]:
    """The claims of a service account's token, bound to a pod, as a cluster makes them."""
    return {
        "sub": "system:serviceaccount:shop:web",
        "jti": "aed34954-b33a-4142-b1ec-389d6bbb4936",
        "kubernetes.io": {
            "namespace": "shop",
            "node": {"name": "node-1", "uid": "646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1"},
            "pod": {"name": "web-6d5b", "uid": "5e0bd49b-f040-43b0-99b7-22765a53f7f3"},
            "serviceaccount": {"name": "web", "uid": "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"},
        },
        **changed,
    }
