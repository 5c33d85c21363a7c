"""Client certificates as a trusted proxy tells of them, through a real server: the peer 127.0.0.1 is the proxy, and
127.0.0.2 is anybody else."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest
from tests.access.federation.wire import Registry, basic, registry_of
from tests.pairs import Pair
from tests.serving import Server, running_server

HEADER = "X-Client-Name"
ANYBODY = "127.0.0.2"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    flags = ("--trusted-proxies", "127.0.0.1/32", "--login-identity-header", HEADER)
    with running_server(tmp_path_factory.mktemp("certificates"), *flags, pair=pair) as running:
        with registry_of(running) as registry:
            registry.robot("shop", "ci", ("writer", "shop/**"))
            assert registry.push("shop/web", "v1", registry.admin) == 201
        yield running


@pytest.fixture
def registry(server: Server) -> Iterator[Registry]:
    with registry_of(server) as found:
        yield found


def ask(server: Server, path: str, *headers: tuple[str, str], source: str = "127.0.0.1", method: str = "GET") -> int:
    """Ask from `source`; gives the status."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30, source_address=(source, 0))
    try:
        connection.putrequest(method, path)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_proxy_names_the_account(server: Server) -> None:
    assert ask(server, "/v2/shop/web/manifests/v1", (HEADER, "shop+ci")) == 200
    assert ask(server, "/v2/shop/web/manifests/v1", (HEADER, "shop\\+ci")) == 200  # as nginx writes it
    assert ask(server, "/v2/", (HEADER, "admin")) == 200
    assert ask(server, "/api/v1/me", (HEADER, "shop+ci")) == 200
    assert ask(server, "/v2/other/web/manifests/v1", (HEADER, "shop+ci")) == 403
    assert ask(server, "/token?scope=repository:shop/web:pull", (HEADER, "shop+ci")) == 200


@pytest.mark.parametrize("name", ["nobody", "", "shop+nobody", "Admin", "x" * 300, "\xe9", "admin, shop+ci"])
def test_a_name_that_is_nobodys_is_refused(server: Server, name: str) -> None:
    assert ask(server, "/v2/", (HEADER, name)) == 401


def test_it_is_believed_from_nobody_else(server: Server) -> None:
    for path in ("/v2/", "/v2/shop/web/manifests/v1", "/api/v1/me"):
        assert ask(server, path, (HEADER, "admin"), source=ANYBODY) == 401
        assert ask(server, path, (HEADER.lower(), "admin"), source=ANYBODY) == 401
        assert ask(server, path, (HEADER.replace("-", "_"), "admin")) == 401


def test_two_names_are_none(server: Server) -> None:
    assert ask(server, "/v2/", (HEADER, "shop+ci"), (HEADER, "admin")) == 401
    assert ask(server, "/v2/", (HEADER, "admin"), (HEADER, "admin")) == 401


def test_a_credential_of_the_client_counts_alone(server: Server) -> None:
    wrong = ("Authorization", basic("admin", "not the password of admin"))
    assert ask(server, "/v2/", (HEADER, "shop+ci"), wrong) == 401
    right = ("Authorization", server.admin.basic)
    assert ask(server, "/v2/other/web/manifests/v1", (HEADER, "shop+ci"), right) == 404


def test_no_header_of_a_client_is_taken_for_the_proxys_word(server: Server) -> None:
    for source in ("127.0.0.1", ANYBODY):
        with socket.create_connection(("127.0.0.1", server.port), 30, (source, 0)) as raw:
            raw.sendall(
                b"GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: \0certificate admin\r\n\r\n"
            )
            answer = raw.recv(65536)
        assert not answer or int(answer.split()[1]) in (400, 401)


def test_a_disabled_account_is_refused_at_the_next_request(server: Server, registry: Registry) -> None:
    assert ask(server, "/v2/shop/web/manifests/v1", (HEADER, "shop+ci")) == 200
    registry.api("POST", "/robots/shop+ci/disable")
    assert ask(server, "/v2/shop/web/manifests/v1", (HEADER, "shop+ci")) == 401
    registry.api("POST", "/robots/shop+ci/enable")
    assert ask(server, "/v2/shop/web/manifests/v1", (HEADER, "shop+ci")) == 200


def test_by_default_nobody_is_believed(closed_server: Server) -> None:
    assert ask(closed_server, "/v2/", (HEADER, "admin")) == 401
