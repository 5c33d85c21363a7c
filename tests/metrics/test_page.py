"""The page of a real server with several processes: exact sums, whoever answers, whoever was killed."""

from __future__ import annotations

import http.client
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.metrics.scraping import Scrape, ask, scrape
from tests.ports import free_port
from tests.serving import Server, pause, running_server

WORKERS = 4
PATIENCE = 60.0
PATHS = {
    "ping": "/v2/",
    "catalog": "/v2/_catalog",
    "tags": "/v2/no/where/tags/list",
    "manifest": "/v2/no/m/manifests/x",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, int]]:
    """A server of four workers and its job worker, and the port of its own listener for metrics."""
    port = free_port()
    flags = ("--open", "--workers", str(WORKERS), "--metrics-listen", f"127.0.0.1:{port}")
    with running_server(tmp_path_factory.mktemp("metrics"), *flags) as server:
        _whole(port)
        yield server, port


def _whole(port: int) -> Scrape:
    """The page once every process counts."""
    deadline = time.monotonic() + PATIENCE
    while (found := scrape(port)).of("holdfast_processes") != WORKERS + 1:
        assert time.monotonic() < deadline, found.of("holdfast_processes")
        pause(0.1)
    return found


def _children(pid: int) -> list[int]:
    """Whoever any of its threads forked, in the order of their births."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sorted(int(word) for each in threads for word in (each / "children").read_text().split())


def _ask_many(port: int, seed: int, times: int, heard: Counter[tuple[str, str, str]]) -> None:
    """Ask on connections of some requests each, and note every answer."""
    chosen = random.Random(seed)
    mine: Counter[tuple[str, str, str]] = Counter()
    connection: http.client.HTTPConnection | None = None
    for _ in range(times):
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        route, method = chosen.choice([*PATHS]), chosen.choice(["GET", "HEAD", "DELETE"])
        connection.request(method, PATHS[route])
        answer = connection.getresponse()
        answer.read()
        mine[route, method, str(answer.status)] += 1
        if chosen.random() < 0.1:
            connection.close()
            connection = None
    if connection is not None:
        connection.close()
    heard.update(mine)


def _burst(port: int, seed: int, heard: Counter[tuple[str, str, str]]) -> None:
    threads = [threading.Thread(target=_ask_many, args=(port, seed + n, 250, heard)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _told(page: Scrape) -> Counter[tuple[str, str, str]]:
    return Counter(
        {
            (held["route"], held["method"], held["status"]): int(value)
            for (name, labels), value in page.numbers.items()
            if name == "holdfast_http_requests_total" and (held := dict(labels))["route"] in PATHS
        }
    )


def _settled(port: int, heard: Counter[tuple[str, str, str]]) -> Scrape:
    """The page once what was answered is counted: a request is counted after its last byte."""
    deadline = time.monotonic() + PATIENCE
    while _told(page := scrape(port)).total() < heard.total() and time.monotonic() < deadline:
        pause(0.05)
    return page


def test_every_process_tells_the_exact_sum_and_kills_take_nothing_back(place: tuple[Server, int]) -> None:
    server, port = place
    heard = _told(scrape(port))
    _burst(server.port, 1, heard)
    before = _settled(port, heard)
    assert _told(before) == heard
    for path in (port, server.port, port, server.port, port):
        assert _told(scrape(path)) == heard
    victims = _children(server.pid)
    assert len(victims) == WORKERS + 1
    for victim in (random.Random(7).choice(victims[:WORKERS]), victims[-1]):
        os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while len({*_children(server.pid)} & {*victims}) > len(victims) - 2 and time.monotonic() < deadline:
        pause(0.05)
    after = _whole(port)
    assert _told(after) == heard
    for (name, labels), value in before.numbers.items():
        counter = before.types.get(name.removesuffix("_total")) == "counter" or name.endswith("_bucket")
        if counter and not name.startswith("holdfast_process_"):
            assert after.numbers[name, labels] >= value, (name, labels)
    _burst(server.port, 100, heard)
    assert _told(_settled(port, heard)) == heard
    assert scrape(port).of("holdfast_http_requests_in_flight") == 0
    seconds = scrape(port)
    for route in PATHS:
        counted = sum(times for (each, _, _), times in heard.items() if each == route)
        assert seconds.of("holdfast_http_request_duration_seconds_count", route=route) == counted
        assert seconds.of("holdfast_http_request_duration_seconds_bucket", route=route, le="+Inf") == counted


_JOBS = "holdfast_job_"
"""Of these a number comes when the first job has run, whoever asks what meanwhile."""


@pytest.mark.slow
def test_what_clients_send_makes_no_series(place: tuple[Server, int]) -> None:
    server, port = place
    chosen = random.Random(3)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)

    def hostile(number: int) -> None:
        nonlocal connection
        method = chosen.choice(["GET", "PUT", f"M{number}", "PROPFIND", "DELETE", "PATCH"])
        word = "".join(chosen.choices("abcdefghijklmnopqrstuvwxyz-._~0123456789", k=12))
        path = chosen.choice(
            ["/v2/{0}", "/v2/{0}/manifests/{0}", "/{0}", "/v2/{0}/{0}/tags/list", "/api/v1/{0}", "/me/{0}"]
        )
        connection.putrequest(method, path.format(word), skip_accept_encoding=True)
        connection.putheader("User-Agent", f"{word}/{number}")
        connection.putheader("Authorization", "Bearer " + word)
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        try:
            answer = connection.getresponse()
            answer.read()
        except http.client.HTTPException:
            connection.close()

    for number in range(600):
        hostile(number)
    before = _whole(port)
    known = {name for name, _ in before.numbers if not name.startswith(_JOBS)}
    for number in range(600, 10_600):
        hostile(number)
    connection.close()
    page = scrape(port)
    assert {name for name, _ in page.numbers if not name.startswith(_JOBS)} == known
    assert len(page.numbers) <= len(before.numbers) + 40, "statuses, methods and routes that came late"
    assert len(page.text) < 1.2 * len(before.text)
    routes = {dict(labels).get("route", "") for _, labels in page.numbers}
    methods = {dict(labels).get("method", "") for _, labels in page.numbers}
    assert methods <= {"", "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "other"}
    assert routes <= {
        "",
        "ping",
        "catalog",
        "manifest",
        "blob",
        "uploads",
        "upload",
        "tags",
        "referrers",
        "other",
        "api",
    }


def test_openmetrics_for_who_asks(place: tuple[Server, int]) -> None:
    _, port = place
    accept = (
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;q=0.5"
    )
    status, text, headers = ask(port, accept=accept)
    assert (status, headers["content-type"]) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    names = {family.name for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    assert {"holdfast_http_requests", "holdfast_database_up"} <= names
    for plain in ("", "text/plain", "*/*", "application/openmetrics-text;version=0.0.1", "\\;;,=,"):
        assert ask(port, accept=plain)[2]["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_the_page_is_as_prometheus_wants_it(place: tuple[Server, int]) -> None:
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not on this machine; Debian has it in prometheus")
    page = scrape(place[1]).text
    done = subprocess.run([promtool, "check", "metrics"], input=page, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_listener_has_the_page_and_nothing_else(place: tuple[Server, int]) -> None:
    server, port = place
    assert [ask(port, path=path)[0] for path in ("/", "/metrics/", "/v2/", "/healthz")] == [404] * 4
    assert "aiohttp" not in str(ask(port)[2]).lower()
    assert [ask(server.port, path=path)[0] for path in ("/metrics", "/metrics/", "/metrics/x")] == [200, 404, 404]


def test_numbers_say_what_is_there(place: tuple[Server, int]) -> None:
    page = scrape(place[1])
    assert page.of("holdfast_build_info", database="sqlite", store="files") == 1
    assert page.of("holdfast_database_up") == 1
    assert page.of("holdfast_store_up") == 1
    assert page.of("holdfast_database_units_total", outcome="committed") > 0
    assert page.of("holdfast_disk_free_bytes") > 0
    assert page.of("holdfast_database_file_bytes") > 0
    assert page.of("holdfast_metrics_refused_total") == 0
    assert page.of("holdfast_process_resident_memory_bytes", process="serve-0") > 10 << 20
    assert sum(name == "holdfast_process_open_fds" for name, _ in page.numbers) == WORKERS + 1
    assert not re.search(r"[0-9a-f]{64}", page.text)
