"""Traces of a real server, at a real receiver of OTLP: what a push, a pull, a job and a webhook look like, who may say
what about them, and what is never told."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.app.tracing.collector import PATIENCE, Collector, Span, collector
from tests.clients import images
from tests.clients.programs import INSTALLED, Client, find, make_home
from tests.management.api import Asker
from tests.pairs import BOTH, Pair, pairs
from tests.ports import free_port
from tests.serving import Server, pause, running_server
from tests.wire import content
from tests.wire.client import basic, connected

SOON = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
SERVER, CLIENT = 2, 3
ERROR = 2
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
NOTED = f"00-{TRACE}-{PARENT}-00"


@pytest.fixture
def taken() -> Iterator[Collector]:
    with collector() as running:
        yield running


def tracing(tmp_path: Path, at: Collector, *flags: str, pair: Pair | None = None) -> Any:
    return running_server(tmp_path, "--traces-endpoint", at.url, *flags, env=SOON, pair=pair)


def of(server: Server, name: str, repository: str = "") -> Any:
    """Tells the span of a request by its name, and repository."""

    def wanted(span: Span) -> bool:
        return span.name == name and span.about.get("holdfast.repository", "") == repository

    return wanted


def access_lines(server: Server) -> list[dict[str, Any]]:
    lines = [line for line in server.log_text().splitlines() if line.startswith('{"at"')]
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("pair", pairs(*BOTH))
def test_a_push_and_a_pull_by_a_client(tmp_path: Path, taken: Collector, pair: Pair) -> None:
    with tracing(tmp_path / "server", taken, pair=pair) as server:
        home = make_home(tmp_path / "home", server.host, server.admin)
        crane = Client(find("crane", *INSTALLED), home, ("--insecure",))
        layout = images.write_layout(tmp_path / "layout", {"v1": images.image("traced")})
        crane("push", layout, f"{server.host}/team/app:v1")
        crane("pull", f"{server.host}/team/app:v1", tmp_path / "out")
        put = taken.until(of(server, "PUT manifest", "team/app"))
        got = taken.until(of(server, "GET manifest", "team/app"))
        blob = taken.until(of(server, "GET blob", "team/app"))
        taken.until(of(server, "GET ping"))
        password = server.admin.password
        assert server.stop() == 0
    assert (put.kind, put.parent, put.about["http.response.status_code"]) == (SERVER, "", 201)
    assert put.about["http.request.method"] == "PUT"
    assert put.about["http.route"] == "manifest"
    assert put.about["http.request.body.size"] > 100
    assert put.resource["service.name"] == "holdfast"
    assert put.resource["holdfast.role"] == "serve"
    assert "db.write" in taken.children(put)
    assert "db.read" in taken.children(got)
    assert blob.about["http.response.body.size"] > 100
    assert {"/otlp/v1/traces"} == taken.paths
    lines = {line["request"]: line for line in access_lines(server)}
    for span in (put, got, blob):
        assert lines[span.about["holdfast.request"]]["trace"] == span.trace
    for secret in (password, basic("admin", password).removeprefix("Basic "), "sha256:", "select "):
        assert secret.encode() not in taken.said


def test_bytes_of_blobs_are_spans(tmp_path: Path, taken: Collector) -> None:
    large = b"x" * 3_000_000
    with tracing(tmp_path, taken, "--open") as server, connected(server.port) as connection:
        digest = content.digest(large)
        begun = connection.ask("POST", "/v2/team/app/blobs/uploads/")
        assert connection.ask("PUT", f"{begun['location']}?digest={digest}", large).status == 201
        assert connection.ask("GET", f"/v2/team/app/blobs/{digest}").body == large
        put = taken.until(of(server, "PUT upload", "team/app"))
        got = taken.until(of(server, "GET blob", "team/app"))
    assert "blob.commit" in taken.children(put)
    assert "blob.read" in taken.children(got)


def test_a_trace_of_somebody_else_goes_on(tmp_path: Path, taken: Collector) -> None:
    with tracing(tmp_path, taken, "--open") as server, connected(server.port) as connection:
        assert connection.ask("GET", "/v2/", headers={"traceparent": NOTED}).status == 200
        assert connection.ask("GET", "/api/v1/jobs?secret=0123", headers={"traceparent": NOTED}).status == 400
        assert connection.ask("GET", "/v2/_catalog", headers={"traceparent": "nonsense"}).status == 200
        ping = taken.until(of(server, "GET ping"))
        jobs = taken.until(of(server, "GET api:list_jobs"))
        catalog = taken.until(of(server, "GET catalog"))
    for span in (ping, jobs):
        assert (span.trace, span.parent) == (TRACE, PARENT)  # not sampled, says a stranger: he does not decide
    assert catalog.trace != TRACE
    assert catalog.parent == ""
    assert b"secret" not in taken.said


def test_a_trusted_proxy_says_what_is_recorded(tmp_path: Path, taken: Collector) -> None:
    flags = ("--open", "--trusted-proxies", "127.0.0.1", "--traces-ratio", "0")
    with tracing(tmp_path, taken, *flags) as server, connected(server.port) as connection:
        for path, flag in (("/v2/a/tags/list", "00"), ("/v2/_catalog", ""), ("/v2/", "01")):
            header = {"traceparent": f"00-{TRACE}-{PARENT}-{flag}"} if flag else {}
            connection.ask("GET", path, headers=header)
        assert taken.until(of(server, "GET ping")).trace == TRACE
        assert server.stop() == 0
    assert {span.name for span in taken.spans if span.kind == SERVER} == {"GET ping"}


def test_a_stranger_does_not_make_us_record(tmp_path: Path, taken: Collector) -> None:
    with (
        tracing(tmp_path, taken, "--open", "--traces-ratio", "0") as server,
        connected(server.port, {"traceparent": f"00-{TRACE}-{PARENT}-01"}) as connection,
    ):
        for _ in range(20):
            assert connection.ask("GET", "/v2/").status == 200
        assert server.stop() == 0
        lines = access_lines(server)
    assert not taken.spans
    assert [line["trace"] for line in lines] == [TRACE] * 20


def test_a_webhook_carries_its_trace_and_jobs_are_spans(tmp_path: Path, taken: Collector) -> None:
    seen: list[dict[str, str]] = []
    news = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(204)
            self.end_headers()
            news.set()

        def log_message(self, *_args: Any) -> None:
            pass

    target = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=target.serve_forever, daemon=True)
    thread.start()
    try:
        with tracing(tmp_path, taken, "--open", "--allow-private-targets", "127.0.0.1/32") as server:
            asker = Asker(server, "")
            url = f"http://127.0.0.1:{target.server_port}/of-a-secret-path"
            made = asker.do(201, "POST", "/webhooks", {"path": "team", "url": url})
            asker.close()
            with connected(server.port) as connection:
                config = content.encoded({"architecture": "amd64", "os": "linux"})
                connection.ask("POST", f"/v2/team/app/blobs/uploads/?digest={content.digest(config)}", config)
                image, kind = content.image(config), {"Content-Type": content.OCI_MANIFEST}
                assert connection.ask("PUT", "/v2/team/app/manifests/v1", image, kind).status == 201
            assert news.wait(PATIENCE)
            sent = taken.until(lambda span: span.name == "POST" and span.kind == CLIENT)
            job = taken.until(lambda span: span.name.startswith("job "))
            assert server.stop() == 0
    finally:
        target.shutdown()
        target.server_close()
        thread.join()
    told = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0[13]", seen[0]["traceparent"])
    assert told is not None
    assert (told[1], told[2]) == (sent.trace, sent.id)
    assert sent.about == {
        "http.request.method": "POST",
        "server.address": "127.0.0.1",
        "http.response.status_code": 204,
    }
    assert sent.resource["holdfast.role"] == "jobs"
    assert job.about["holdfast.job.kind"] == job.name.removeprefix("job ")
    assert job.about["holdfast.job.attempt"] == 1
    assert job.parent == ""
    assert not any(span.name == "job webhooks-deliver" for span in taken.spans)  # it does not end
    assert b"of-a-secret-path" not in taken.said
    assert made["secret"].encode() not in taken.said


def test_a_stop_sends_what_is_left(tmp_path: Path, taken: Collector) -> None:
    env = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
    with running_server(tmp_path, "--open", "--traces-endpoint", taken.url, env=env) as server:
        with connected(server.port) as connection:
            assert connection.ask("GET", "/v2/").status == 200
        assert not taken.spans
        assert server.stop() == 0
    assert any(span.name == "GET ping" for span in taken.spans)


def test_a_collector_that_is_away_costs_a_line(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with (
        running_server(tmp_path, "--open", "--traces-endpoint", nobody, env=SOON) as server,
        connected(server.port) as connection,
    ):
        end = time.monotonic() + PATIENCE
        while "traces not sent" not in server.log_text():
            assert connection.ask("GET", "/v2/").status == 200
            assert time.monotonic() < end
            pause(0.05)
        for _ in range(200):
            assert connection.ask("GET", "/v2/").status == 200
        assert server.stop() == 0
    log = server.log_text()
    assert "Traceback" not in log
    for line in log.splitlines():
        if "traces not sent" in line:
            assert json.loads(line)["level"] == "warning"
    assert log.count("traces not sent") <= 4  # one a minute of each process


def test_off_nothing_of_it_is_imported(tmp_path: Path) -> None:
    """Neither at the start nor by requests or jobs: but for the interface, which the web framework loads."""
    env = {"PYTHONPROFILEIMPORTTIME": "1", "HOLDFAST_TRACES_RATIO": "0.5"}
    with running_server(tmp_path, "--open", env=env, cold=True) as server, connected(server.port) as connection:
        assert connection.ask("GET", "/v2/", headers={"traceparent": NOTED}).status == 200
        assert connection.ask("GET", "/api/v1/jobs").status == 200
        end = time.monotonic() + PATIENCE
        while "audit checkpoint" not in server.log_text():  # the job worker works
            assert time.monotonic() < end
            pause(0.05)
        assert server.stop() == 0
    log = server.log_text()
    assert re.search(r"import time:.* holdfast\.app\.tracing\.traced\n", log)
    assert re.search(r"import time:.* holdfast\.feature\.telling\n", log)
    for name in (
        "opentelemetry.sdk",
        "opentelemetry.exporter",
        "opentelemetry.proto",
        "google.protobuf",
        "tracing.exporting",
    ):
        assert name not in log
    assert all("trace" not in line for line in access_lines(server))


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter"])
def test_without_the_extra_nothing_starts(tmp_path: Path, missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from holdfast.cli.main import run\n"
        f"sys.argv = ['holdfast', 'serve', '--data', {str(tmp_path / 'data')!r}, "
        "'--traces-endpoint', 'http://127.0.0.1:4318']\nrun()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "pip install 'holdfast[traces]'" in " ".join(done.stderr.split())
    assert not (tmp_path / "data").exists()
