"""The header by which a proxy that checked a client certificate names the account: from trusted peers only."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from holdfast.access.certificates import PREFIX
from holdfast.app.proxies import IdentityHeader, Proxies

PROXY, OTHER = "10.0.0.1", "10.9.9.9"
BASIC = (b"authorization", b"Basic YTpi")
NAME = (b"x-client-name", b"shop+ci")
HOST = (b"host", b"a")


@pytest.mark.parametrize(
    ("peer", "header", "headers", "after"),
    [
        (PROXY, "X-Client-Name", [HOST, NAME], [HOST, (b"authorization", PREFIX + b"shop+ci")]),
        (PROXY, "X-Client-Name", [HOST], [HOST]),
        (PROXY, "X-Client-Name", [HOST, (b"x-client-name", b"")], [HOST]),
        (PROXY, "X-Client-Name", [HOST, BASIC, NAME], [HOST, BASIC]),
        # A proxy that lets the client's own header through beside its own names nobody.
        (PROXY, "X-Client-Name", [NAME, HOST, NAME], [HOST, (b"authorization", PREFIX)]),
        (PROXY, "X-Client-Name", [(b"x-client-name", b""), NAME], [(b"authorization", PREFIX)]),
        (OTHER, "X-Client-Name", [HOST, NAME], [HOST]),
        (OTHER, "X-Client-Name", [HOST, BASIC, NAME], [HOST, BASIC]),
        ("", "X-Client-Name", [HOST, NAME], [HOST]),
        (PROXY, "X-Client-Name", [HOST, (b"authorization", PREFIX + b"admin")], [HOST]),
        (OTHER, "X-Client-Name", [HOST, (b"authorization", PREFIX + b"admin")], [HOST]),
        (PROXY, None, [HOST, NAME], [HOST, NAME]),
        (PROXY, "X-Other", [HOST, NAME], [HOST, NAME]),
    ],
)
def test_who_is_believed(peer: str, header: str | None, headers: list[Any], after: list[Any]) -> None:
    scope = {"client": (peer, 1234) if peer else None, "headers": headers}
    IdentityHeader(Proxies([ip_network(f"{PROXY}/32")]), header).take(scope)
    assert scope["headers"] == after
