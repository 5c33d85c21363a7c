"""Nothing that comes from `/v2` runs in a browser, and nothing of it is compressed."""

from __future__ import annotations

import json

import pytest
from tests.wire.always import checked
from tests.wire.client import Connection
from tests.wire.content import OCI_MANIFEST, descriptor, digest, encoded, image
from tests.wire.repository import Repository
from tests.wire.seed import BIG, CONFIG, IMAGE, SEED, SMALL

PAGE = b"<!doctype html><script>alert(1)</script>"
RUN = (
    *("text/html", "TEXT/HTML", "text/plain", "text/xml", "text/javascript", "image/svg+xml", "application/xhtml+xml"),
    *("application/xml", "application/javascript", "application/x-javascript", "application/ecmascript", "text/css"),
    *("application/rss+xml", "multipart/x-mixed-replace", "application/pdf", "message/rfc822", "text/html; charset=x"),
)
TARGETS = (
    *("/v2/", "/v2/_catalog", f"/v2/{SEED}/tags/list", f"/v2/{SEED}/manifests/v1", f"/v2/{SEED}/manifests/absent"),
    *(f"/v2/{SEED}/blobs/{digest(data)}" for data in (CONFIG, SMALL, BIG)),
    *(f"/v2/{SEED}/referrers/{digest(IMAGE)}", "/v2/%3Cscript%3E/manifests/v1", f"/v2/{SEED}/manifests/%3Cscript%3E"),
)


@pytest.mark.parametrize("kind", RUN)
def test_a_manifest_of_a_type_that_runs_is_refused(open_sown: Connection, kind: str) -> None:
    repository = Repository(open_sown, "browsers/manifests")
    repository.blob(CONFIG)
    plain = {"schemaVersion": 2, "config": descriptor(CONFIG, "a/b"), "annotations": {"a": PAGE.decode()}}
    named = {**plain, "mediaType": kind}
    for document, headers in ((plain, {"Content-Type": kind}), (named, {"Content-Type": kind}), (named, {})):
        repository.expect(400, "PUT", "manifests/page", encoded(document), headers, code="MANIFEST_INVALID")
    repository.expect(404, "GET", "manifests/page")


def test_a_page_in_a_blob_is_a_file_to_save(open_sown: Connection) -> None:
    repository = Repository(open_sown, "browsers/blobs")
    for data in (PAGE, PAGE + b" " * 100_000, PAGE + b" " * (2 << 20)):
        name = digest(data)
        headers = {"Content-Type": "text/html"}
        repository.expect(201, "POST", f"blobs/uploads/?digest={name}", data, headers)
        for query in ("", "?content-type=text/html", "?response-content-type=text/html"):
            for sent in ({}, {"Range": "bytes=0-38"}, {"Accept": "text/html"}):
                answer = repository.ask("GET", f"blobs/{name}{query}", headers=sent)
                assert answer["content-type"] == "application/octet-stream"
                assert answer["content-disposition"] == "attachment"


def test_a_layer_may_still_have_any_type(open_sown: Connection) -> None:
    repository = Repository(open_sown, "browsers/layers")
    repository.blob(CONFIG)
    data = image(
        CONFIG, layers=[descriptor(CONFIG, kind) for kind in ("text/html", "image/svg+xml", "text/javascript")]
    )
    repository.manifest(data, "v1")
    assert repository.expect(200, "GET", "manifests/v1")["content-type"] == OCI_MANIFEST


@pytest.mark.parametrize("target", TARGETS)
def test_no_answer_is_compressed_shared_or_a_page(open_sown: Connection, target: str) -> None:
    headers = {
        "Accept-Encoding": "gzip, deflate, br, zstd, *;q=1",
        "TE": "gzip, trailers",
        "Accept": "text/html,application/xhtml+xml",
        "Origin": "https://evil.example",
        "Cookie": "session=1",
        "User-Agent": "Mozilla/5.0",
        "Sec-Fetch-Mode": "navigate",
    }
    plain = checked(open_sown.ask("GET", target))
    answer = checked(open_sown.ask("GET", target, headers=headers))
    assert answer.status == plain.status
    assert answer.header("content-encoding") is None
    assert answer.header("access-control-allow-origin") is None
    assert answer.header("set-cookie") is None
    assert answer["x-content-type-options"] == "nosniff"
    if answer.status < 400:
        assert answer.body == plain.body
    else:
        assert b"<script>" not in answer.body or answer["content-type"] == "application/json"


def test_what_is_said_of_html_stays_json(open_sown: Connection) -> None:
    answer = checked(open_sown.ask("GET", f"/v2/{SEED}/manifests/%3Cimg%20src=x%20onerror=alert(1)%3E"))
    assert answer.status == 400
    assert "<img" in json.loads(answer.body)["errors"][0]["message"]
    assert answer["content-type"] == "application/json"
