"""Every shape, delivered by a real registry for real pushes, read by what reads it elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks.webhooks import Webhook
from tests.clients import images
from tests.clients.wire import Wire
from tests.serving import running_server
from tests.webhooks.shapes.receivers import READERS, understand

from holdfast.webhooks.shapes.catalogue import SHAPES

TEMPLATE = '{"image": "${image}", "digest": "${digest}", "by": ${actor}}'
EVENTS = ["manifest", "tag", "image", "rollback"]
PATIENCE = 60.0
COMING = {
    **dict.fromkeys(("cloudevents", "cloudevents-binary", "distribution", "slack", "teams"), 5),
    **dict.fromkeys(("harbor", "harbor-cloudevents", "acr"), 4),
    **dict.fromkeys(("docker-hub", "quay", "template"), 3),
}
"""So many requests for three pushes, a tag that is deleted, and a manifest that is."""


class Inbox:
    """What arrived, by shape, in its order: headers and body."""

    def __init__(self) -> None:
        self.seen: dict[str, list[tuple[dict[str, str], bytes]]] = {}
        self.news = Condition()
        self.url = ""

    def take(self, shape: str, headers: dict[str, str], body: bytes) -> None:
        with self.news:
            self.seen.setdefault(shape, []).append((headers, body))
            self.news.notify_all()

    def wait(self, wanted: dict[str, int]) -> None:
        """Return when so much arrived of each shape."""

        def enough() -> bool:
            return all(len(self.seen.get(shape, ())) >= count for shape, count in wanted.items())

        with self.news:
            assert self.news.wait_for(enough, PATIENCE), {shape: len(each) for shape, each in self.seen.items()}


@contextmanager
def inbox() -> Iterator[Inbox]:
    found = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.take(self.path.strip("/"), {name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def post(wire: Wire, path: str, document: object, status: int) -> dict[str, Any]:
    body = json.dumps(document).encode()
    return wire.expect(status, "POST", f"/api/v1{path}", body, Content_Type="application/json").json


def test_what_happens_in_a_registry_is_understood_by_receivers_of_others(tmp_path: Path) -> None:
    with inbox() as arrived, running_server(tmp_path, "--allow-private-targets", "127.0.0.0/8") as server:
        wire = Wire(server)
        secrets, ids = dict[str, str](), dict[str, int]()
        for shape in SHAPES:
            document: dict[str, Any] = {
                "path": "team",
                "url": f"{arrived.url}/{shape}",
                "name": shape,
                "shape": shape,
                "events": EVENTS,
            }
            if shape == "template":
                document["template"] = TEMPLATE
            if shape == "harbor":
                document["headers"] = {"Authorization": "a token"}
            made = post(wire, "/webhooks", document, 201)
            secrets[shape], ids[shape] = made["secret"], made["id"]
        one, two = images.image("one"), images.image("two")
        wire.push("team/app", one, "v1")
        wire.push("team/app", two, "v1")
        post(wire, "/promotions", {"source": "team/app:v1", "target": "team/app:stable"}, 200)
        wire.expect(202, "DELETE", "/v2/team/app/manifests/stable")
        wire.expect(202, "DELETE", f"/v2/team/app/manifests/{two.digest}")
        arrived.wait(COMING)
        said = {shape: list(requests) for shape, requests in arrived.seen.items()}
        for shape, id in ids.items():
            tried = post(wire, f"/webhooks/{id}/test", {}, 200)
            assert tried["state"] == "delivered", (shape, tried)
            if shape in READERS:
                understand(shape, arrived.seen[shape][-1][1])
        now = time.time()
    assert {shape: len(requests) for shape, requests in said.items()} == COMING
    for shape, requests in said.items():
        for headers, body in requests:
            Webhook(secrets[shape]).verify(body, headers, json_parse=False)
            assert abs(int(headers["webhook-timestamp"]) - now) < 300
            if shape in READERS:
                understand(shape, body)
    host = server.host
    hub = [understand("docker-hub", body) for _, body in said["docker-hub"]]
    assert [(each.repository.repo_name, each.push_data.tag) for each in hub] == [
        (f"{host}/team/app", tag) for tag in ("v1", "v1", "stable")
    ]
    assert [understand("quay", body).updated_tags for _, body in said["quay"]] == [["v1"], ["v1"], ["stable"]]
    harbor = [understand("harbor", body) for _, body in said["harbor"]]
    assert [each.type for each in harbor] == [*["PUSH_ARTIFACT"] * 3, "DELETE_ARTIFACT"]
    assert harbor[-1].event_data.resources[0].tag == "v1", "the tag that went with the manifest"
    assert {headers["authorization"] for headers, _ in said["harbor"]} == {"a token"}
    envelopes = [understand("distribution", body).events for _, body in said["distribution"]]
    assert [[each.action for each in events] for events in envelopes] == [
        *[["push"]] * 3,
        ["delete"],
        ["delete", "delete"],
    ]
    assert envelopes[0][0].target.digest == one.digest
    assert envelopes[0][0].target.size == len(one.manifest.data)
    assert [json.loads(body)["digest"] for _, body in said["template"]] == [one.digest, two.digest, two.digest]
    assert json.loads(said["slack"][0][1])["text"] == "`team/app` `v1` was pushed by `admin`"
    kinds = []
    for headers, body in said["cloudevents-binary"]:
        kinds.append(from_http_event(HTTPMessage(headers, body)).get_type().removeprefix("holdfast."))
    assert kinds == ["manifest.pushed", "manifest.pushed", "image.promoted", "tag.deleted", "manifest.deleted"]
