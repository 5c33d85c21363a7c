"""`holdfast doctor --url` through real proxies: the shipped files pass, and each fault is named with what to change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.cli.program import holdfast
from tests.clients.wire import Wire
from tests.deploy.proxies import (
    NAME,
    Tls,
    caddy,
    caddy_configuration,
    haproxy,
    haproxy_configuration,
    make_tls,
    nginx,
    nginx_site,
)
from tests.ports import free_port
from tests.serving import Server, running_server

KINDS = {
    "nginx": (nginx, nginx_site),
    "haproxy": (haproxy, haproxy_configuration),
    "caddy": (caddy, caddy_configuration),
}


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls") / "tls")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    flags = ("--public-url", f"https://{NAME}", "--trusted-proxies", "127.0.0.1")
    with running_server(tmp_path_factory.mktemp("server"), *flags) as running:
        yield running


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server whose clients come without TLS: the challenge leads to where they came."""
    flags = ("--public-url", f"http://{NAME}", "--trusted-proxies", "127.0.0.1")
    with running_server(tmp_path_factory.mktemp("plain"), *flags) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Report:
    """What the doctor said, by check; the worst of equal names."""

    checks: Mapping[str, Mapping[str, str]]

    @property
    def wrong(self) -> dict[str, str]:
        """Give the verdicts that are not ok."""
        return {name: each["verdict"] for name, each in self.checks.items() if each["verdict"] != "ok"}


def examined(server: Server, place: Path, url: str, *more: str, status: int = 0) -> Report:
    place.mkdir(parents=True, exist_ok=True)
    (place / "password").write_text(server.admin.password + "\n")
    words = ("--user", server.admin.username, "--password-file", "password", "--json", *more)
    said = holdfast(place, "doctor", "--url", url, *words, status=status).stdout
    checks: dict[str, Any] = {}
    for each in json.loads(said)["checks"]:
        checks.setdefault(each["name"], each)
    assert all(each["advice"] for each in checks.values() if each["verdict"] != "ok")
    return Report(checks)


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_files_pass(kind: str, server: Server, tls: Tls, tmp_path: Path) -> None:
    run, configured = KINDS[kind]
    port = free_port()
    with run(tmp_path / kind, configured(tls, port, server.host), port):
        report = examined(
            server,
            tmp_path,
            f"https://127.0.0.1:{port}",
            "--ca-file",
            str(tls.ca),
            "--patience",
            "3s",
            "--size",
            "64MiB",
        )
    assert report.wrong == {}
    assert report.checks["removal"]["verdict"] == "ok"


def test_without_a_proxy(plain: Server, tmp_path: Path) -> None:
    assert examined(plain, tmp_path, plain.url, "--patience", "1s", "--size", "1MiB").wrong == {}


def site(port: int, upstream: str, server_lines: str = "", **changed: str) -> str:
    """Give a plain-http site for nginx in which some of the right lines are changed."""
    lines = {
        "client_max_body_size": "0",
        "proxy_http_version": "1.1",
        "proxy_request_buffering": "off",
        "proxy_buffering": "off",
        "proxy_redirect": "off",
        **changed,
    }
    headers = {"Connection": '""', "Host": "$http_host", "X-Forwarded-For": "$remote_addr", "X-Forwarded-Proto": "http"}
    text = "".join(f"{name} {value};\n" for name, value in lines.items() if not name.startswith("header:"))
    for name, value in headers.items():
        said = changed.get(f"header:{name}", value)
        text += f"proxy_set_header {name} {said};\n" if said else ""
    return (
        f"server {{ listen 127.0.0.1:{port};\n{server_lines}\nlocation / {{ proxy_pass http://{upstream};\n{text} }} }}"
    )


FAULTS = [
    pytest.param({"client_max_body_size": "1m"}, {"body limit": "failed"}, "client_max_body_size", id="body limit"),
    pytest.param(
        {"proxy_request_buffering": "on"},
        {"request buffering": "warning"},
        "proxy_request_buffering off",
        id="request buffering",
    ),
    pytest.param(
        {"proxy_buffering": "on"}, {"response buffering": "warning"}, "proxy_buffering off", id="response buffering"
    ),
    pytest.param({"proxy_read_timeout": "1s"}, {"slow answers": "failed"}, "proxy_read_timeout", id="read time-out"),
    pytest.param({"client_body_timeout": "1s"}, {"slow requests": "failed"}, "client_body_timeout", id="body time-out"),
    pytest.param(
        {"header:X-Forwarded-Proto": "https"},
        {"forwarded scheme": "failed"},
        "X-Forwarded-Proto",
        id="forwarded scheme",
    ),
    pytest.param(
        {"proxy_redirect": "/ https://$http_host/"},
        {"scheme": "failed"},
        "proxy_redirect off",
        id="scheme of addresses",
    ),
    pytest.param(
        {"proxy_redirect": "/ http://wrong.example/"},
        {"scheme": "failed"},
        "proxy_redirect off",
        id="host of addresses",
    ),
    pytest.param(
        {"proxy_http_version": "1.0"},
        {"http version": "warning", "request buffering": "warning"},
        "proxy_http_version 1.1",
        id="http 1.0",
    ),
    pytest.param({"header:Host": "wrong.example"}, {"host": "warning"}, "Host $http_host", id="host"),
    pytest.param({"header:X-Forwarded-For": ""}, {"client address": "warning"}, "X-Forwarded-For", id="client address"),
    pytest.param({"header:Range": '""'}, {"ranges": "failed"}, "Range", id="ranges"),
    pytest.param({"proxy_hide_header": "Range"}, {"push": "failed", "pull": "skipped"}, "all headers", id="progress"),
    pytest.param(
        {"proxy_hide_header": "Docker-Content-Digest"}, {"head": "failed", "manifest": "failed"}, "headers", id="digest"
    ),
    pytest.param({"proxy_hide_header": "WWW-Authenticate"}, {"log-in": "failed"}, "WWW-Authenticate", id="challenge"),
    pytest.param({"header:Authorization": '""'}, {"log-in": "failed"}, "Authorization", id="authorization"),
    pytest.param(
        {"gzip": "on", "gzip_types": "*", "gzip_proxied": "any", "gzip_min_length": "1"},
        {"head": "failed", "manifest": "failed", "pull": "failed"},
        "gzip off",
        id="compression",
    ),
    pytest.param({"chunked_transfer_encoding": "off"}, {}, "", id="harmless"),
]


@pytest.mark.parametrize(("changed", "wrong", "advice"), FAULTS)
def test_faults_are_named(
    plain: Server, tmp_path: Path, changed: dict[str, str], wrong: dict[str, str], advice: str
) -> None:
    port = free_port()
    lines = changed | {}
    if "header:Range" in lines:
        lines["proxy_set_header Range"] = lines.pop("header:Range")
    if "header:Authorization" in lines:
        lines["proxy_set_header Authorization"] = lines.pop("header:Authorization")
    status = 1 if "failed" in wrong.values() else 0
    with nginx(tmp_path / "nginx", site(port, plain.host, **lines), port):
        report = examined(
            plain, tmp_path, f"http://127.0.0.1:{port}", "--patience", "3s", "--size", "4MiB", status=status
        )
    assert report.wrong == wrong
    assert not wrong or any(advice in report.checks[name]["advice"] for name in wrong)
    assert server_is_empty(plain)


def server_is_empty(server: Server) -> bool:
    """Tell whether the doctor left no tag behind (what a tag named would not go before it)."""
    answer = Wire(server).ask("GET", "/v2/holdfast-doctor/tags/list")
    return answer.status == 404 or answer.json["tags"] == []


def test_an_address_that_log_ins_leave_is_named(tmp_path: Path, server: Server) -> None:
    """The public URL says https, and the client comes without: its password would go elsewhere."""
    report = examined(server, tmp_path, server.url, "--patience", "1s", "--size", "1MiB", status=1)
    assert report.wrong == {"scheme": "failed"}
    assert "--public-url" in report.checks["scheme"]["advice"]


def test_a_proxy_without_a_registry(tmp_path: Path, server: Server) -> None:
    port = free_port()
    with nginx(tmp_path / "nginx", site(port, f"127.0.0.1:{free_port()}"), port):
        report = examined(server, tmp_path, f"http://127.0.0.1:{port}", status=1)
    assert report.wrong == {"registry": "failed"}
    assert "upstream" in report.checks["registry"]["advice"]


def test_nobody_at_all(tmp_path: Path, server: Server) -> None:
    report = examined(server, tmp_path, f"http://127.0.0.1:{free_port()}", status=1)
    assert report.wrong == {"connection": "failed"}


def test_a_certificate_that_is_not_trusted(tmp_path: Path, server: Server, tls: Tls) -> None:
    port = free_port()
    with nginx(tmp_path / "nginx", nginx_site(tls, port, server.host), port):
        report = examined(server, tmp_path, f"https://127.0.0.1:{port}", status=1)
        plain = examined(server, tmp_path, f"http://127.0.0.1:{port}", status=1)
    assert "--ca-file" in report.checks["connection"]["advice"]
    assert plain.wrong == {"registry": "failed"}


def test_a_password_that_is_wrong_or_not_given(tmp_path: Path, server: Server) -> None:
    (tmp_path / "password").write_text("wrong wrong wrong")
    words = ("doctor", "--url", server.url)
    assert "--user" in holdfast(tmp_path, *words, status=1).stdout
    assert "refused" in holdfast(tmp_path, *words, "--user", "admin", "--password-file", "password", status=1).stdout


@pytest.mark.parametrize(
    "words",
    [
        ("--url", "registry.example.com"),
        ("--url", "http://x", "--size", "0"),
        ("--url", "http://x", "--patience", "1h"),
        ("--url", "http://x", "--repository", "UPPER"),
        ("--url", "http://x", "--user", "me", "--password-file", "missing"),
    ],
)
def test_what_cannot_be_asked(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert holdfast(tmp_path, "doctor", *words, status=2).stderr.startswith("holdfast: ")
