"""What pages load: under addresses that change with it, kept for good, compressed once; missing, it is not missed."""

from __future__ import annotations

import gzip
import http.client
import re
from collections.abc import Iterator

import pytest
from tests.serving import Server, running_server

from holdfast.web import assets
from holdfast.web.assets import Assets

SCRIPT_BYTES = 8_192


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("assets")) as running:
        yield running


def ask(server: Server, path: str, accept: str = "") -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", path, headers={"Accept-Encoding": accept} if accept else {})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def loaded(server: Server) -> list[str]:
    """What the sign-in page loads."""
    _, body = ask(server, "/sign-in")
    return re.findall(r'"(/assets/[^"#]+)', body.decode())


def test_a_page_names_files_that_are_there_and_kept_for_good(server: Server) -> None:
    paths = loaded(server)
    assert len(paths) >= 4
    for path in paths:
        assert re.fullmatch(r"/assets/[a-z.-]+-[0-9a-f]{12}\.(css|js|svg)", path)
        plain, body = ask(server, path)
        assert plain.status == 200
        assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert plain.headers["content-encoding"] is None
        assert plain.headers["x-content-type-options"] == "nosniff"
        assert "Accept-Encoding" in plain.headers["vary"]
        for accept in ("gzip, deflate, br", "GZIP;q=0.5", "*"):
            packed, short = ask(server, path, accept)
            assert packed.headers["content-encoding"] == "gzip", accept
            assert gzip.decompress(short) == body
        for accept in ("br", "gzip;q=0", "identity", "gzip; q=0.0"):
            assert ask(server, path, accept)[1] == body, accept


def test_what_is_not_there_is_no_file(server: Server) -> None:
    for path in ("/assets/holdfast.js", "/assets/../site.py", "/assets/", "/assets/vendor/htmx.min.js"):
        assert ask(server, path)[0].status == 404


def test_the_script_is_small() -> None:
    assert len(Assets().script.packed) <= SCRIPT_BYTES


def test_without_the_library_nothing_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "_vendored", lambda name: None)
    found = Assets()
    assert found.fragments is None
    assert found.at(found.script.path) == found.script
