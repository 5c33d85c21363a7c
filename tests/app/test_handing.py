"""Files handed on to a proxy: only to one that is trusted, by its own name for them."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from holdfast.app.handing import Handing
from holdfast.app.proxies import Proxies

PROXIES = Proxies((ip_network("10.0.0.0/8"),))


def _scope(peer: str | None, *forwarded: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return {"client": (peer, 4711) if peer is not None else None, "headers": headers}


def test_a_trusted_proxy_is_told_the_place() -> None:
    name = Handing("/files/", lambda key: f"ab/{key}", PROXIES)(_scope("10.0.0.2", "192.0.2.1"))
    assert name is not None
    assert name("key") == "/files/ab/key"


@pytest.mark.parametrize("peer", ["192.0.2.1", "", "unix:", None])
def test_nobody_else_is(peer: str | None) -> None:
    assert Handing("/files/", lambda key: key, PROXIES)(_scope(peer, "10.0.0.2")) is None
