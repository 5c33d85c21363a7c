"""URLs that somebody stored never lead the server inside (rule 22): issuers of machines' tokens, sign-in providers.

The server may ask 127.0.0.3 and nobody else of loopback: what is refused is refused by address, on save and on every
connect, whatever name, document or redirect leads there.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.access.federation.issuing import issuing
from tests.access.federation.wire import Registry, registry_of
from tests.pairs import Pair
from tests.serving import running_server

ALLOWED = "127.0.0.3"
INSIDE = [
    "https://127.0.0.1",
    "http://127.0.0.1:80",
    "https://127.1",
    "https://2130706433",
    "https://0x7f000001",
    "https://0177.0.0.1",
    "https://localhost",
    "https://0.0.0.0",
    "https://[::1]",
    "https://[::]",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:7f00:1]",
    "https://[64:ff9b::7f00:1]",
    "https://[2002:7f00:1::]",
    "https://[fe80::1]",
    "https://[fd00::1]",
    "https://10.0.0.1",
    "https://172.16.0.1",
    "https://192.168.1.1",
    "https://100.64.0.1",
    "https://169.254.169.254",
    "https://[fd00:ec2::254]",
    "https://168.63.129.16",
    "https://user:word@127.0.0.3",
    "http://8.8.8.8",
    "file:///etc/passwd",
    "gopher://127.0.0.3",
    "https://",
    "https://127.0.0.3\\@127.0.0.1",
]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Registry]:
    path = tmp_path_factory.mktemp("ssrf")
    with running_server(path, "--outbound-allow", f"{ALLOWED}/32", pair=pair) as server, registry_of(server) as found:
        yield found


@pytest.mark.parametrize("url", INSIDE)
def test_nothing_inside_is_saved(registry: Registry, url: str) -> None:
    registry.api("POST", "/issuers", {"name": "inside", "iss": url}, 400)
    registry.api("POST", "/issuers", {"name": "inside", "iss": "https://a.example", "discovery": url}, 400)
    registry.api("POST", "/providers", {"name": "inside", "issuer": url, "client_id": "x"}, 400)


def test_no_document_and_no_redirect_leads_inside(registry: Registry) -> None:
    with issuing() as inside, issuing(address=ALLOWED) as issuer:
        issuer.jwks_uri = inside.iss + "/keys"
        registry.api("POST", "/issuers", {"name": "leading", "iss": issuer.iss}, 400)
        issuer.jwks_uri = None
        issuer.redirect = inside.iss + "/.well-known/openid-configuration"
        registry.api("POST", "/issuers", {"name": "leading", "iss": issuer.iss}, 400)
        registry.api("POST", "/providers", {"name": "leading", "issuer": issuer.iss, "client_id": "x"}, 400)
        assert inside.asked == []
        issuer.redirect = None
        registry.issuer("leading", issuer.iss)
        assert registry.api("GET", "/issuers/leading")["keys"] == ["one"]


def test_what_is_told_of_it_is_no_port_scan(registry: Registry) -> None:
    """An address that is refused is refused alike, whether or not somebody listens there."""
    with issuing() as inside:
        port = inside.iss.rpartition(":")[2]
        told = {
            registry.api("POST", "/issuers", {"name": "scan", "iss": f"https://127.0.0.1:{each}"}, 400)["detail"]
            for each in (port, 1, 22)
        }
        assert len(told) == 1
        assert inside.asked == []
