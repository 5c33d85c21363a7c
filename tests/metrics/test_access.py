"""Who may read `/metrics` at the listener of the registry, and what is left of it while the database is away."""

from __future__ import annotations

import http.client
import json
import os
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.backends import PostgresServer
from tests.metrics.scraping import PATIENCE, Scrape, ask, scrape
from tests.ports import free_port
from tests.serving import Server, pause, running_server

TOKEN = "of the scraper, and of nobody else"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("access")
    (place / "token").write_text(TOKEN + "\n")
    with running_server(place, "--metrics-token-file", str(place / "token")) as found:
        _call(found, "POST", "/api/v1/users", {"name": "dora", "password": "correct horse battery"})
        yield found


def _call(server: Server, method: str, path: str, body: object) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    headers = {"Authorization": server.admin.basic, "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body), headers)
    answer = connection.getresponse()
    assert answer.status < 300, answer.read()
    connection.close()


def _basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "authorization", ["", "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer "]
)
def test_a_stranger_is_asked_for_a_credential(server: Server, authorization: str) -> None:
    status, body, headers = ask(server.port, authorization)
    assert status == 401
    assert headers["www-authenticate"].startswith("Bearer realm=")
    assert json.loads(body)["status"] == 401
    assert TOKEN not in body


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_token_reads_metrics(server: Server, scheme: str) -> None:
    page = scrape(server.port, f"{scheme} {TOKEN}")
    assert page.of("holdfast_database_up") == 1


def test_the_token_opens_nothing_else(server: Server) -> None:
    for path in ("/v2/", "/api/v1/jobs", "/metrics/x"):
        assert ask(server.port, f"Bearer {TOKEN}", path)[0] in (401, 404)


def test_who_may_operate_may_read(server: Server) -> None:
    assert scrape(server.port, server.admin.basic).of("holdfast_logins_total", outcome="succeeded") >= 1


def test_who_may_not_operate_is_told_of_nothing(server: Server) -> None:
    status, body, _ = ask(server.port, _basic("dora", "correct horse battery"))
    assert (status, json.loads(body)["type"]) == (404, "/problems/unknown")


def test_failed_log_ins_and_refusals_are_counted(server: Server) -> None:
    before = scrape(server.port, f"Bearer {TOKEN}")
    assert ask(server.port, _basic("dora", "a wrong password"), "/v2/")[0] == 401
    assert ask(server.port, _basic("dora", "correct horse battery"), "/v2/shop/web/manifests/v1")[0] == 403
    after = scrape(server.port, f"Bearer {TOKEN}")

    def more(name: str, **labels: str) -> float:
        return after.of(name, **labels) - before.of(name, **labels)

    assert more("holdfast_logins_total", outcome="failed") == 1
    assert more("holdfast_refusals_total", action="pull") == 1
    assert more("holdfast_http_requests_total", route="manifest", method="GET", status="403") == 1
    assert more("holdfast_http_requests_total", route="ping", method="GET", status="401") == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_it_only_reads(server: Server, method: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request(method, "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert connection.getresponse().status == 404
    connection.close()


def test_the_token_is_in_no_log_and_no_setting_shown(server: Server) -> None:
    ask(server.port, f"Bearer {TOKEN}")
    assert TOKEN not in server.log_text()


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    found = PostgresServer().lay()
    yield found
    found.remove()


def test_a_database_that_is_away_leaves_the_rest(own_postgres: PostgresServer, tmp_path: Path) -> None:
    port = free_port()
    key = tmp_path / "master.key"
    key.write_text(b64encode(os.urandom(32)).decode() + "\n")
    key.chmod(0o600)
    env = {"HOLDFAST_DATABASE": own_postgres.database(), "HOLDFAST_ENCRYPTION_KEY_FILE": str(key)}
    with running_server(tmp_path / "s", "--open", "--metrics-listen", f"127.0.0.1:{port}", env=env) as server:
        assert ask(server.port, path="/v2/nothing/here/tags/list")[0] == 404
        whole = _until(port, 1)
        assert whole.of("holdfast_build_info", database="postgresql") == 1
        deadline = time.monotonic() + PATIENCE
        while (found := scrape(port)).of("holdfast_database_connections", state="most") < 10:
            assert time.monotonic() < deadline, found.text  # a process counts its pool once it has one
            pause(0.05)
        assert whole.has("holdfast_stored_bytes")
        own_postgres.stop("immediate")
        try:
            assert ask(server.port, path="/v2/nothing/here/tags/list")[0] == 503
            rest = _until(port, 0)
            assert not rest.has("holdfast_stored_bytes")
            assert rest.of("holdfast_http_requests_total", route="tags", status="404") == 1
            assert rest.of("holdfast_http_requests_total", route="tags", status="503") == 1
            assert rest.of("holdfast_database_errors_total") > 0
        finally:
            own_postgres.start()
        assert _until(port, 1).has("holdfast_stored_bytes")


def _until(port: int, up: int) -> Scrape:
    deadline = time.monotonic() + PATIENCE
    while (page := scrape(port)).of("holdfast_database_up") != up:
        assert time.monotonic() < deadline
        pause(0.2)
    return page
