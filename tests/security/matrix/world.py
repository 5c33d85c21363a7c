"""The registry that the authorisation matrix is asked of: repositories, subjects with their credentials, and a way back
to the same state after a request that changed something.

Everything is made through the management API and `/v2`, as an administrator would.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from tests.security.matrix.requests import ABSENT, NEVER, PRESENT, Case
from tests.security.matrix.subjects import SUBJECTS, Subject
from tests.serving import Server
from tests.wire.client import Answer, Connection, basic, connected
from tests.wire.content import OCI_INDEX, OCI_MANIFEST, descriptor, digest, encoded, image, noise

CONFIG = b"{}"
LAYERS = {name: noise(300, f"matrix {name}") for name in ("dev", "prod", "shared")}
MANIFESTS = {
    name: image(CONFIG, [LAYERS[name], LAYERS["shared"]], annotations={"org.example.for": name})
    for name in ("dev", "prod")
}
_WITH_KEYS = ("key", "narrow key", "expired key", "revoked key")


def _index(**more: object) -> bytes:
    return encoded({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], **more})


def _refer(name: str) -> bytes:
    return _index(subject=descriptor(MANIFESTS[name], OCI_MANIFEST), artifactType="application/vnd.example.note")


BODIES = {
    "fresh": noise(100, "matrix fresh"),
    "x": b"x",
    "bare": _index(annotations={"org.example.for": "nobody"}),
    "refer_dev": _refer("dev"),
    "refer_prod": _refer("prod"),
}
NAMES = {
    "manifest_dev": digest(MANIFESTS["dev"]),
    "manifest_prod": digest(MANIFESTS["prod"]),
    "manifest_nowhere": digest(b"no manifest of the matrix"),
    "layer_nowhere": digest(b"no layer of the matrix"),
    **{f"layer_{name}": digest(data) for name, data in LAYERS.items()},
    **{name: digest(data) for name, data in BODIES.items()},
}


class World:
    """The server, the administrator's connection, and every subject's Authorization header."""

    def __init__(self, server: Server, admin: Connection) -> None:
        self.server = server
        self.admin = admin
        self._absent = itertools.count()
        self._sessions: dict[str, str] = {}
        self._tokens: dict[tuple[str, str], str] = {}
        self.absent = ABSENT
        for repository in PRESENT:
            self.restore(repository)
        self.api(200, "PUT", "visibility", {"path": "open", "visibility": "public"})
        self.headers = {subject.name: self._admit(subject) for subject in SUBJECTS}

    # -- what the administrator does -------------------------------------------------------------------------------

    def api(self, status: int, method: str, path: str, body: object = None) -> Answer:
        """A request of the administrator to the management API, which is answered `status`."""
        data = json.dumps(body).encode() if body is not None else b""
        answer = self.admin.ask(method, f"/api/v1/{path}", data, {"Content-Type": "application/json"})
        assert answer.status == status, str(answer)
        return answer

    def restore(self, repository: str) -> None:
        """Everything that the matrix expects in a repository, whatever was deleted or moved."""
        for data in (CONFIG, *LAYERS.values()):
            target = f"/v2/{repository}/blobs/uploads/?digest={digest(data)}"
            self._done(self.admin.ask("POST", target, data, {"Content-Type": "application/octet-stream"}), 201)
        for name, data in MANIFESTS.items():
            target = f"/v2/{repository}/manifests/{name}-1"
            self._done(self.admin.ask("PUT", target, data, {"Content-Type": OCI_MANIFEST}), 201)
        for tag in ("dev-new", "prod-new"):
            self._done(self.admin.ask("DELETE", f"/v2/{repository}/manifests/{tag}"), 202, 404)

    def _done(self, answer: Answer, *statuses: int) -> None:
        assert answer.status in statuses, str(answer)

    # -- subjects --------------------------------------------------------------------------------------------------

    def _admit(self, subject: Subject) -> str:
        """Make the account, its credential and its grants; returns the header."""
        if subject.way == "none":
            return ""
        name, password = subject.name, f"the long password of {subject.name}"
        if subject.way == "robot":
            self.api(201, "POST", "robots", {"namespace": "team", "name": name})
            who = f"robot:team+{name}"
            made = self.api(201, "POST", "keys", {"name": "k", "owner": who})
            header = basic(f"team+{name}", made.json["secret"])
        else:
            self.api(201, "POST", "users", {"name": name, "password": password})
            who, header = f"user:{name}", basic(name, password)
        grantee = who
        if subject.way == "group":
            self.api(201, "POST", "groups", {"name": f"{name}s"})
            self.api(204, "PUT", f"groups/{name}s/members/{escaped(who)}")
            grantee = f"group:{name}s"
        for grant in subject.grants:
            self.api(201, "POST", "grants", {"subject": grantee, **_grant(grant)})
        if subject.way in _WITH_KEYS:
            header = basic(name, self._key(subject, header))
        if subject.way == "disabled":
            self.api(200, "POST", f"users/{name}/disable")
        if subject.way == "wrong password":
            header = basic(name, "not the long password")
        return header

    def _key(self, subject: Subject, own: str) -> str:
        wanted: dict[str, object] = {"name": "k"}
        if subject.way == "narrow key":
            wanted["bounds"] = [{"repository": "team/**", "tag": "dev-*", "actions": ["pull"]}]
        if subject.way == "expired key":
            wanted["owner"] = f"user:{subject.name}"
        with connected(self.server.port, {"Authorization": own, "Content-Type": "application/json"}) as theirs:
            wanted.pop("owner", None)
            made = theirs.ask("POST", "/api/v1/keys", json.dumps(wanted).encode())
        assert made.status == 201, str(made)
        if subject.way in ("revoked key", "expired key"):
            self.api(204, "DELETE", f"keys/{escaped(f'user:{subject.name}')}/k")
        secret: str = made.json["secret"]
        return secret

    def token(self, subject: Subject, repository: str, actions: str = "pull,push,delete") -> str:
        """A bearer token of the subject for every repository of the matrix."""
        key = subject.name, f"{actions} {repository if repository not in PRESENT else ''}"
        if key not in self._tokens:
            names = {*PRESENT, NEVER, repository}
            scopes = [f"repository:{name}:{actions}" for name in sorted(names)] + ["registry:catalog:*"]
            query = "&".join(f"scope={quote(scope, safe='')}" for scope in scopes)
            headers = {"Authorization": self.headers[subject.name]}
            with connected(self.server.port) as connection:
                answer = connection.ask("GET", f"/token?service=matrix&{query}", b"", headers)
            if answer.status != 200:
                assert not subject.good, str(answer)
                return "Bearer none"
            self._tokens[key] = f"Bearer {answer.json['token']}"
        return self._tokens[key]

    # -- requests --------------------------------------------------------------------------------------------------

    def name_of(self, repository: str) -> str:
        """The name that stands for a repository: an absent one is another after it was made."""
        return self.absent if repository == ABSENT else repository

    def ask(self, connection: Connection, case: Case, repository: str, header: str) -> Answer:
        """One request of the matrix."""
        name = self.name_of(repository)
        target = case.target
        if "{session}" in target:
            target = target.replace("{session}", self._session(repository))
        target = target.replace("{repo}", name)
        for word, value in NAMES.items():
            target = target.replace(f"{{{word}}}", value)
        headers = {"Authorization": header}
        body = BODIES.get(case.body, b"")
        if body:
            headers["Content-Type"] = OCI_INDEX if case.endpoint == "manifest" else "application/octet-stream"
        if case.body == "range":
            headers["Range"] = "bytes=0-9"
        answer = connection.ask(case.method, target, body, headers)
        if case.method not in ("GET", "HEAD") and answer.status < 300:
            self._undo(repository)
        return answer

    def _undo(self, repository: str) -> None:
        if repository == ABSENT:
            self.absent = f"team/none-{next(self._absent)}"
        else:
            self.restore(repository)

    def _session(self, repository: str) -> str:
        """A session that the administrator opened; where there is no repository, one of another."""
        place = repository if repository != ABSENT else PRESENT[0]
        if place not in self._sessions:
            answer = self.admin.ask("POST", f"/v2/{place}/blobs/uploads/")
            self._sessions[place] = answer["location"].rsplit("/", 1)[1]
        return self._sessions[place]


@contextmanager
def world(server: Server) -> Iterator[World]:
    """Give the world of a server that has nothing in it yet."""
    with connected(server.port, {"Authorization": server.admin.basic}) as admin:
        yield World(server, admin)


def escaped(name: str) -> str:
    """A name as one segment of a path (RFC 6901)."""
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~")


def _grant(text: str) -> dict[str, object]:
    """`[--from NETWORK] ROLE SCOPE` or `--deny ACTION SCOPE`, as the API takes it."""
    words = text.split()
    found: dict[str, object] = {"scope": words[-1]}
    if words[0] == "--from":
        found["conditions"] = {"networks": [words[1]]}
        words = words[2:]
    if words[0] == "--deny":
        return {**found, "deny": [words[1]]}
    return {**found, "role": words[0]}
