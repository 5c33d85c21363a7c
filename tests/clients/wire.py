"""The registry as the tests themselves see it: a few requests over HTTP, to seed it and to look at what a client left.

Promises: no client is involved, nothing is hidden: a status that was not expected raises with the body.
"""

from __future__ import annotations

import http.client
import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from tests.clients.images import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Blob, Image
from tests.serving import Server

ACCEPT = ", ".join((OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST))


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (lower-case names) and body of one answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        """Give the decoded body."""
        document: dict[str, object] = json.loads(self.body)
        return document


@dataclass(frozen=True, slots=True)
class Wire:
    """Requests to one server: the admin's, or nobody's to an open one."""

    server: Server

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send one request; header names are given with `_` for `-`, an empty value leaves the header out."""
        connection = http.client.HTTPConnection(self.server.host, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            who = "" if "--open" in self.server.flags else self.server.admin.basic
            sent = {"Authorization": who, **named}
            given = {name: value for name, value in sent.items() if value}
            connection.request(method, path, body=body or None, headers=given)
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, fields, answer.read())
        finally:
            connection.close()

    def expect(self, status: int, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send one request and insist on a status."""
        answer = self.ask(method, path, body, **headers)
        assert answer.status == status, f"{method} {path}: {answer.status} {answer.body[:1000]!r}"
        return answer

    def push(self, repository: str, image: Image, *tags: str) -> Image:
        """Push an image with its closure, under its digest and the given tags; give it back."""
        for blob in image.blobs:
            self.push_blob(repository, blob)
        for child in image.children:
            self.push(repository, child)
        for reference in tags or (image.digest,):
            path = f"/v2/{repository}/manifests/{reference}"
            self.expect(201, "PUT", path, image.manifest.data, Content_Type=image.manifest.media_type)
        return image

    def push_blob(self, repository: str, blob: Blob) -> None:
        """Push one blob by POST and PUT."""
        opened = self.expect(202, "POST", f"/v2/{repository}/blobs/uploads/").headers["location"]
        path = opened.removeprefix(self.server.url)
        path += ("&" if "?" in path else "?") + f"digest={blob.digest}"
        self.expect(201, "PUT", path, blob.data, Content_Type="application/octet-stream")

    def manifest(self, repository: str, reference: str) -> Blob:
        """Give a manifest with the media type the registry states."""
        answer = self.expect(200, "GET", f"/v2/{repository}/manifests/{reference}", Accept=ACCEPT)
        return Blob(answer.headers["content-type"], answer.body)

    def blob(self, repository: str, digest: str) -> bytes:
        """Give a blob's bytes, from wherever the registry says."""
        answer = self.ask("GET", f"/v2/{repository}/blobs/{digest}")
        if answer.status == 307:
            with urllib.request.urlopen(answer.headers["location"], timeout=60) as found:
                return bytes(found.read())
        assert answer.status == 200, f"{digest}: {answer.status} {answer.body[:1000]!r}"
        return answer.body

    def has(self, repository: str, reference: str) -> bool:
        """Tell whether a manifest is there."""
        status = self.ask("HEAD", f"/v2/{repository}/manifests/{reference}", Accept=ACCEPT).status
        assert status in {200, 404}, status
        return status == 200

    def tags(self, repository: str) -> list[str]:
        """Give the repository's tags (one page is enough here)."""
        found = self.expect(200, "GET", f"/v2/{repository}/tags/list?n=1000").json["tags"]
        assert isinstance(found, list)
        return [str(tag) for tag in found]

    def referrers(self, repository: str, digest: str, kind: str = "") -> list[str]:
        """Give the digests that refer to `digest` by the referrers API, of one artifact type or of all."""
        query = f"?artifactType={quote(kind)}" if kind else ""
        found = self.expect(200, "GET", f"/v2/{repository}/referrers/{digest}{query}").json["manifests"]
        assert isinstance(found, list)
        return [str(entry["digest"]) for entry in found]

    def check(self, repository: str, image: Image, reference: str = "") -> None:
        """Assert that the registry holds the image byte for byte, with everything it needs."""
        manifest = self.manifest(repository, reference or image.digest)
        assert manifest == image.manifest
        self.check_closure(repository, manifest)

    def check_closure(self, repository: str, manifest: Blob) -> None:
        """Assert that every blob and child of this manifest is served and hashes to its digest."""
        document = json.loads(manifest.data)
        for child in document.get("manifests") or ():
            found = self.manifest(repository, child["digest"])
            assert found.digest == child["digest"]
            self.check_closure(repository, found)
        for descriptor in filter(None, (document.get("config"), *(document.get("layers") or ()))):
            found = Blob("", self.blob(repository, descriptor["digest"]))
            assert found.digest == descriptor["digest"]
            assert len(found.data) == descriptor["size"]
