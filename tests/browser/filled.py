"""A registry with everything that pages show, pushed and set as people do, in seconds: names at their limits, hostile
text wherever a client may write some, an index of 40 platforms, an image of 127 layers.

The names are those that `tests/console/rows.py` uses in its examples.
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.backends import database_url
from tests.browsing import Browser
from tests.management.api import Asker, segment
from tests.serving import Credentials, Server, pause
from tests.wire.client import Connection
from tests.wire.content import (
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Document,
    descriptor,
    digest,
    encoded,
    noise,
    referrer,
)

REPOSITORY, NAMESPACE = "team/app", "team"
OTHER, EMPTY, OPEN, GONE = "team/tools/a--b_c.d__e", "team/empty", "open/base", "team/gone"
EMPTY_NAMESPACE = f"{NAMESPACE}/nothing"
LONGEST = "n" * 60 + "/" + "m" * 90 + "/" + "k" * 80
TAGS = ("v1.9", "v1.10", "v1.11-rc.1", "latest")
MULTI, LAYERED, CHART = "multi", "layered", "chart"
LONG_TAG = "v" + "1234567890" * 12 + ".x-_y"
# Text that runs, closes, hides or turns round where it is not kept as text.
HOSTILE = (
    "<svg onload=alert(1)>",
    '"><script>alert(1)</script>',
    "javascript:alert(1)",
    "{{7*7}} ${7*7}",
    'x" hx-get="/me" data-poll="1" data-copy="x',
    "\u202etxt.exe\u202c\u200b\u2066",
    "=cmd|' /C calc'!A0",
    "a" * 300,
)
HOSTILE_TEXT = " ".join(HOSTILE[:6])
HOSTILE_LINE = " ".join(HOSTILE[:5])
"""What the management API takes: it wants characters that can be seen."""
_PATIENCE = 600
# Whom the pages are shown to, by what they may do; nobody is who is not signed in.
ROLES = ("administrator", "operator", "auditor", "owner", "maintainer", "writer", "reader", "stranger")


@dataclass(slots=True)
class Filled:
    """What was laid. `people`: role -> who signs in; `names`: what stands for the names in the examples of rows."""

    server: Server
    people: dict[str, Credentials] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


class Pusher:
    """Pushes to one repository as one person."""

    def __init__(self, connection: Connection, repository: str) -> None:
        self._connection = connection
        self._path = f"/v2/{repository}"

    def blob(self, data: bytes) -> bytes:
        """Push a blob, and give it back."""
        answer = self._connection.ask("POST", f"{self._path}/blobs/uploads/?digest={digest(data)}", data)
        assert answer.status == 201, answer
        return data

    def manifest(self, data: bytes, reference: str = "", kind: str = OCI_MANIFEST) -> str:
        """Push a manifest; gives its digest."""
        where = f"{self._path}/manifests/{reference or digest(data)}"
        answer = self._connection.ask("PUT", where, data, {"Content-Type": kind})
        assert answer.status == 201, answer
        return digest(data)

    def delete(self, reference: str) -> None:
        """Delete a tag."""
        assert self._connection.ask("DELETE", f"{self._path}/manifests/{reference}").status == 202

    def pull(self, reference: str, agent: str = "docker/24.0.7 go/go1.20") -> None:
        """Pull a manifest as a client that says it is `agent`."""
        accept = {"Accept": f"{OCI_MANIFEST}, {OCI_INDEX}", "User-Agent": agent}
        assert self._connection.ask("GET", f"{self._path}/manifests/{reference}", b"", accept).status == 200

    def upload(self, data: bytes) -> None:
        """Begin an upload, and leave it."""
        begun = self._connection.ask("POST", f"{self._path}/blobs/uploads/")
        assert self._connection.ask("PATCH", begun["location"], data).status == 202


def config_of(layers: list[bytes], platform: Document, *, text: str = "") -> bytes:
    """A config with history for each layer, and empty steps between."""
    history: list[Document] = []
    for at in range(len(layers)):
        command = f"/bin/sh -c #(nop) ADD file:{at} in / {text}" if at == 0 else f"/bin/sh -c step {at} && {text} true"
        history.append({"created": "2026-11-01T10:00:00Z", "created_by": command})
        if at % 5 == 0:
            history.append({"created_by": f"ENV STEP={at} {text}", "empty_layer": True, "comment": text})
    document: Document = {
        "created": "2026-11-01T10:00:00Z",
        "author": text or "somebody",
        **platform,
        "config": {
            "User": "1000:1000",
            "ExposedPorts": {"8080/tcp": {}, "53/udp": {}},
            "Env": ["PATH=/usr/bin", "DB_PASSWORD=hunter2", f"MOTTO={text}", "GITHUB_TOKEN=ghp_example"],
            "Entrypoint": ["/bin/app", "--serve", text or "now"],
            "Cmd": ["--port", "8080"],
            "Volumes": {"/data": {}},
            "WorkingDir": "/srv",
            "Labels": {"org.opencontainers.image.title": text or "app", "maintainer": text or "team", "<b>": "x"},
        },
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        "history": history,
    }
    return json.dumps(document).encode()


def push_image(
    pusher: Pusher, tag: str, *, layers: int = 3, seed: str = "", platform: Document | None = None, text: str = ""
) -> bytes:
    """Push an image whose first layer is the same for all; gives its manifest."""
    bodies = [noise(2000, "base"), *(noise(300 + 7 * at, f"{seed or tag}/{at}") for at in range(1, layers))]
    config = config_of(bodies, platform or {"architecture": "amd64", "os": "linux"}, text=text)
    for data in (*bodies, config):
        pusher.blob(data)
    manifest = encoded(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [descriptor(body, OCI_LAYER) for body in bodies],
            "annotations": {"org.opencontainers.image.description": text or "An image", "org.example.<b>": text},
        }
    )
    pusher.manifest(manifest, tag)
    return manifest


def push_platforms(pusher: Pusher, tag: str, count: int) -> str:
    """Push an index of `count` platforms, and the attestation of one of them."""
    entries: list[Document] = []
    for at in range(count):
        platform: Document = {"os": ("linux", "windows", "freebsd")[at % 3], "architecture": f"arch{at}"}
        if at == 0:
            platform = {"os": "linux", "architecture": "arm", "variant": "v7"}
        one = push_image(pusher, "", layers=2, seed=f"platform {at}", platform=platform)
        entries.append(descriptor(one, OCI_MANIFEST, platform=platform))
    about = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": entries[0]["digest"]}
    unknown: Document = {"os": "unknown", "architecture": "unknown"}
    attestation = push_image(pusher, "", layers=1, seed="attestation", platform=unknown)
    entries.append(descriptor(attestation, OCI_MANIFEST, platform=unknown, annotations=about))
    index = encoded({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    return pusher.manifest(index, tag, OCI_INDEX)


def push_referrers(pusher: Pusher, subject: bytes) -> None:
    """Push a signature, an SBOM and a note about a manifest."""
    pusher.blob(b"{}")
    for kind in (
        "application/vnd.dev.cosign.artifact.sig.v1+json",
        "application/spdx+json",
        "application/vnd.example.note+json",
    ):
        said = {"org.opencontainers.image.created": "2026-11-02T10:00:00Z", "org.example.note": HOSTILE_TEXT}
        pusher.manifest(referrer(subject, artifactType=kind, annotations=said))


def push_chart(pusher: Pusher, tag: str) -> None:
    """Push what helm pushes, as far as its manifest goes."""
    config, chart = pusher.blob(b'{"name":"chart","version":"1.2.3"}'), pusher.blob(noise(900, "chart"))
    manifest: Document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config, "application/vnd.cncf.helm.config.v1+json"),
        "layers": [descriptor(chart, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
    }
    pusher.manifest(encoded(manifest), tag)


def lay_people(admin: Asker, filled: Filled) -> None:
    """Make a person for each role, a group, a robot, and more grants than fit on a phone."""
    for name in ROLES[1:]:
        secret = f"{name} pass phrase of the tests"
        admin.do(201, "POST", "/users", {"name": name, "password": secret})
        filled.people[name] = Credentials(name, secret)
    for name in ("owner", "maintainer", "writer", "reader"):
        admin.do(201, "POST", "/grants", {"subject": f"user:{name}", "role": name, "scope": f"{NAMESPACE}/**"})
    for name in ("operator", "auditor"):
        admin.do(201, "POST", "/grants", {"subject": f"user:{name}", "role": name, "scope": "**"})
    admin.do(201, "POST", "/groups", {"name": "platform-team"})
    admin.do(204, "PUT", "/groups/platform-team/members/user:writer")
    admin.do(
        201,
        "POST",
        "/grants",
        {
            "subject": "group:platform-team",
            "role": "writer",
            "scope": f"{NAMESPACE}/*:v*",
            "expires_at": "2027-01-01T00:00:00Z",
            "note": HOSTILE_LINE,
        },
    )
    robot = admin.do(201, "POST", "/robots", {"namespace": NAMESPACE, "name": "ci", "description": HOSTILE_LINE})[
        "subject"
    ]
    given = admin.do(201, "POST", "/grants", {"subject": robot, "role": "writer", "scope": f"{REPOSITORY}:**"})
    made = admin.do(201, "POST", "/keys", {"name": "pipeline", "owner": robot, "expires_at": "2026-12-01T00:00:00Z"})
    invited = admin.do(
        201, "POST", "/invitations", {"role": "reader", "scope": f"{NAMESPACE}/**", "uses": 3, "note": HOSTILE_LINE}
    )
    filled.names |= {"grant": str(given["id"]), "invitation": str(invited["id"]), "code": invited["code"]}
    filled.names |= {"robot": robot.partition(":")[2], "key": "pipeline", "user": "reader", "secret": made["secret"]}


def lay_content(owner: Connection, reader: Connection, filled: Filled) -> None:
    """Push, move, delete and pull."""
    app = Pusher(owner, REPOSITORY)
    for number, tag in enumerate(TAGS):
        manifest = push_image(app, tag, layers=4 + number, text=HOSTILE_TEXT if tag == "v1.10" else "")
    push_referrers(app, manifest)
    filled.names |= {"tag": "v1.10", "digest": digest(manifest), "other": "v1.9"}
    push_image(app, "latest", layers=5, seed="moved")  # a tag that has a history
    push_image(app, "old")
    app.delete("old")
    filled.names["index"] = push_platforms(app, MULTI, 40)
    push_image(app, LAYERED, layers=127)
    push_chart(app, CHART)
    push_image(app, LONG_TAG)
    push_image(app, f"sha256-{digest(manifest).partition(':')[2]}.sig", layers=1)
    for name in (OTHER, OPEN, GONE, f"{NAMESPACE}/{LONGEST}"):
        push_image(Pusher(owner, name), "v1")
    app.upload(noise(5000, "upload"))
    for agent in ("docker/24.0.7 go/go1.20", "containerd/v2.0.0", HOSTILE[1], "podman/5.0"):
        Pusher(reader, REPOSITORY).pull("v1.10", agent)


def lay_settings(admin: Asker, filled: Filled) -> None:
    """Set what is inherited and what stands in its way."""
    admin.do(201, "POST", "/repositories", {"name": EMPTY})
    admin.do(201, "POST", "/namespaces", {"path": EMPTY_NAMESPACE})
    admin.do(200, "PUT", "/visibility", {"path": OPEN, "visibility": "public"})
    admin.do(
        200,
        "PATCH",
        f"/repositories/{segment(REPOSITORY)}",
        {"description": HOSTILE_LINE, "labels": {"team": "red", "tier": HOSTILE[3]}},
    )
    admin.do(200, "PUT", "/quotas", {"path": NAMESPACE, "bytes": 400_000, "repositories": 50, "warn": 80})
    deleted = admin.do(200, "DELETE", f"/repositories/{segment(GONE)}")
    hook = admin.do(201, "POST", "/webhooks", {"path": NAMESPACE, "url": "https://127.0.0.1:1/hook?x=<svg>"})
    plan = admin.do(202, "POST", "/retention/plans", {"path": NAMESPACE})
    filled.names |= {
        "deleted": str(deleted["id"]),
        "webhook": str(hook["id"]),
        "plan": str(plan["plan"]),
        "job": str(plan["job"]),
    }


def lay_asked(filled: Filled) -> None:
    """Let several tags be looked at and changed, and lists be written as files, as the administrator does on pages."""
    url, person, browser = filled.server.url, filled.people["administrator"], Browser()
    page = browser.get(f"{url}/sign-in")
    assert browser.submit(page, "/sign-in", name=person.username, password=person.password).status == 303
    for name, repository, picks in (("change", REPOSITORY, ["v1.9", "v1.10", LONG_TAG]), ("changed", OTHER, ["v1"])):
        at = f"/r/{repository}/-/selected"
        fields = browser.get(f"{url}/r/{repository}/-/tags").forms()[at]
        answer = browser.post(url + at, {**fields, "do": "label", "pick": picks})
        assert answer.status == 303, answer.text
        filled.names[name] = answer.location.rpartition("/")[2]
    for name, at, change in (("opening", "/n", "public"), ("closing", "/n/team", "private")):
        fields = browser.get(f"{url}{at}?view=flat").forms()[f"{at}/-/selected"]
        looked = browser.post(f"{url}{at}/-/selected", {**fields, "do": change, "pick": [REPOSITORY, OTHER]})
        assert looked.status == 303, looked.text
        filled.names[name] = looked.location.rpartition("/")[2]
    start = f"/r/{OTHER}/-/changes/{filled.names['changed']}/start"
    assert browser.submit(browser.follow(answer), start, name="org.example.stage", text=HOSTILE[0]).status == 303
    answer = browser.submit(browser.get(f"{url}/r/{REPOSITORY}/-/tags"), "/exports")
    assert answer.status == 303, answer.text
    filled.names["export"] = answer.location.rpartition("/")[2]
    for path, ended in ((f"/r/{OTHER}/-/changes/{filled.names['changed']}", "Ended"), (answer.location, "Download")):
        _await(browser, path if path.startswith("http") else url + path, ended)


def _await(browser: Browser, url: str, said: str) -> None:
    for _ in range(_PATIENCE):
        if said in (page := browser.get(url)).text:
            return
        pause(0.1)
    raise AssertionError(f"{url} does not say {said!r}:\n{page.text[-2000:]}")


def on_postgres(directory: Path) -> Mapping[str, str]:
    """The settings, as environment variables, of a server that keeps its rows in a fresh database of PostgreSQL, and
    content in files."""
    directory.mkdir(parents=True, exist_ok=True)
    key = directory / "master.key"
    key.write_text(b64encode(os.urandom(32)).decode() + "\n")
    key.chmod(0o600)
    content = {"HOLDFAST_ENCRYPTION_CONTENT": "off"}
    return {"HOLDFAST_DATABASE": database_url(), "HOLDFAST_ENCRYPTION_KEY_FILE": str(key), **content}


def fill(server: Server) -> Filled:
    """Fill a new server."""
    filled = Filled(server, {"administrator": server.admin})
    with ExitStack() as ends:
        admin = Asker.named(server, server.admin.username, server.admin.password)
        ends.callback(admin.close)
        lay_people(admin, filled)
        stranger = Asker.named(server, "stranger", filled.people["stranger"].password)
        ends.callback(stranger.close)
        asked = {"action": "pull", "repository": REPOSITORY, "note": HOSTILE_LINE}
        filled.names["request"] = str(stranger.do(201, "POST", "/access-requests", asked)["id"])
        reader = Asker.named(server, "reader", filled.people["reader"].password)
        ends.callback(reader.close)
        lay_content(admin.connection, reader.connection, filled)
        lay_settings(admin, filled)
    lay_asked(filled)
    filled.names |= {
        "repository": REPOSITORY,
        "namespace": NAMESPACE,
        "tag": "v1.10",
        "multi": MULTI,
        "layered": LAYERED,
        "chart": CHART,
        "group": "platform-team",
        "provider": "none",
    }
    return filled
