"""Requests to URLs that somebody stored, over real connections."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from tests.remote.server import Elsewhere, run

from holdfast.app.tls import issue, parse_hosts
from holdfast.remote.errors import BadAnswer, Unreachable, UrlRefused
from holdfast.remote.model import Answer, Lookup
from holdfast.remote.outbound import Outbound

HERE = (ip_network("127.0.0.0/8"),)


def names(**answers: list[list[str]]) -> Lookup:
    """A look-up that knows these names alone; each look-up takes the next of its answers."""
    asked: Counter[str] = Counter()

    async def lookup(host: str, port: int) -> list[str]:
        name = host.removesuffix(".example")
        if name not in answers:
            raise OSError("no such name")
        asked[name] += 1
        return answers[name][min(asked[name], len(answers[name])) - 1]

    return lookup


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nothing",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "//8.8.8.8/",
        "https://",
        "https:///path",
        "https://user:word@8.8.8.8/",
        "https://@8.8.8.8/",
        "https://8.8.8.8/#part",
        "https://8.8.8.8/ x",
        "https://8.8.8.8\\@127.0.0.1/",
        "https://8.8.8.8:99999/",
        "https://[::1/",
        "https://ex ample/",
        "https://exämple/",
        "https://8.8.8.8/\nhost: x",
        "https://8.8.8.8/" + "x" * 3000,
        "https://a%2fb/",
    ],
)
def test_what_is_no_plain_url_is_refused_on_save(url: str) -> None:
    with pytest.raises(UrlRefused):
        asyncio.run(Outbound().check_url(url))


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://localhost/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "http://8.8.8.8/",
    ],
)
def test_what_leads_inside_is_refused_on_save_and_on_connect(url: str) -> None:
    async def scenario() -> None:
        outbound = Outbound()
        try:
            with pytest.raises(UrlRefused):
                await outbound.check_url(url)
            with pytest.raises(UrlRefused):
                await outbound.get(url)
        finally:
            await outbound.close()

    asyncio.run(scenario())


def test_a_public_address_may_be_stored() -> None:
    assert asyncio.run(Outbound().check_url("https://8.8.8.8:8443/a/b?c=d")) == "https://8.8.8.8:8443/a/b?c=d"


def test_of_a_name_every_address_must_do() -> None:
    lookup = names(mixed=[["8.8.8.8", "127.0.0.1"]], none=[[]], inside=[["192.168.0.1"]], good=[["8.8.8.8"]])
    outbound = Outbound(lookup=lookup)

    async def scenario() -> None:
        for host in ("mixed", "none", "inside", "unknown"):
            with pytest.raises(UrlRefused):
                await outbound.check_url(f"https://{host}.example/")
        assert await outbound.check_url("https://good.example/")
        with pytest.raises(UrlRefused, match="this machine"):
            await outbound.get("https://mixed.example/")
        with pytest.raises(Unreachable):
            await outbound.get("https://unknown.example/")
        await outbound.close()

    asyncio.run(scenario())


def test_a_name_that_leads_elsewhere_after_it_was_saved_leads_nowhere() -> None:
    async def scenario(server: Elsewhere) -> None:
        lookup = names(moving=[["8.8.8.8"], ["127.0.0.1"]])
        outbound = Outbound(lookup=lookup)
        url = f"https://moving.example:{server.port}/json"
        assert await outbound.check_url(url) == url
        with pytest.raises(UrlRefused, match="this machine"):
            await outbound.get(url)
        await outbound.close()
        assert server.seen == []

    run(scenario)


def test_an_allowed_network_is_asked_also_without_tls() -> None:
    async def scenario(server: Elsewhere) -> None:
        outbound = Outbound(HERE)
        assert await outbound.get_json(await outbound.check_url(server.url + "/json")) == {"hello": "there"}
        form = await outbound.request("POST", server.url + "/form", form={"a": "b&c"})
        assert form.json() == {"a": "b&c"}
        assert server.seen[0].headers["Accept-Encoding"] == "identity"
        await outbound.close()

    run(scenario)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/redirect", "redirect"),
        ("/html", "no JSON"),
        ("/long", "more than 4000 bytes"),
        ("/endless", "more than 4000 bytes"),
        ("/packed", "compressed"),
        ("/missing", "status 404"),
    ],
)
def test_what_is_not_the_answer_is_not_taken(path: str, said: str) -> None:
    async def scenario(server: Elsewhere) -> None:
        outbound = Outbound(HERE)
        with pytest.raises(BadAnswer, match=said):
            await outbound.get_json(server.url + path, limit=4000)
        await outbound.close()
        assert [request.path for request in server.seen] == [path]

    run(scenario)


def test_silence_is_given_up() -> None:
    async def scenario(server: Elsewhere) -> None:
        outbound = Outbound(HERE)
        with pytest.raises(Unreachable, match="did not answer"):
            await outbound.get(server.url + "/silent", seconds=0.2)
        await outbound.close()

    run(scenario)


def test_nobody_there() -> None:
    async def scenario(server: Elsewhere) -> None:
        port = server.port
        outbound = Outbound(HERE)
        with pytest.raises(Unreachable, match="takes no connection"):
            await outbound.get(f"http://127.0.0.2:{port}/")
        await outbound.close()

    run(scenario)


def test_the_environment_and_cookies_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")

    async def scenario(server: Elsewhere) -> None:
        outbound = Outbound(HERE)
        with pytest.raises(BadAnswer):
            await outbound.get(server.url + "/redirect")
        await outbound.get(server.url + "/json")
        assert "Cookie" not in server.seen[-1].headers
        await outbound.close()

    run(scenario)


def test_the_beginning_of_any_answer() -> None:
    async def scenario(server: Elsewhere) -> None:
        outbound, stranger = Outbound(HERE), Outbound()

        async def post(path: str, limit: int = 100) -> Answer:
            return await outbound.post(server.url + path, headers={}, body=b"{}", limit=limit, seconds=10.0)

        redirect = await post("/redirect")
        assert (redirect.status, redirect.headers["location"]) == (302, server.url + "/json")
        assert [request.path for request in server.seen] == ["/redirect"]
        assert (await post("/long")).body == b"x" * 100
        assert (await post("/endless")).body == b"x" * 100
        assert (await post("/packed")).body == b"\x1f\x8b"
        assert (await post("/json", 0)).body == b""
        with pytest.raises(UrlRefused):
            await stranger.post(server.url, headers={}, body=b"", limit=1, seconds=1.0)
        await outbound.close()
        await stranger.close()

    run(scenario)


def test_connections_are_used_again() -> None:
    async def scenario(server: Elsewhere) -> None:
        outbound = Outbound(HERE)
        ports = set()
        for path in ("/json", "/long", "/redirect", "/nothing"):
            await outbound.post(server.url + path, headers={}, body=b"{}", limit=100, seconds=10.0)
            ports.add(server.seen[-1].transport.get_extra_info("peername")[1])  # type: ignore[union-attr]
        assert len(ports) == 1
        await outbound.close()

    run(scenario)


def test_a_certificate_must_be_trusted(tmp_path: Path) -> None:
    issued = issue(parse_hosts(("127.0.0.1",)), tmp_path, datetime.now(UTC))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(issued.certificate, issued.key)

    async def scenario(server: Elsewhere) -> None:
        stranger, friend = Outbound(HERE), Outbound(HERE, issued.authority)
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            await stranger.get(server.url + "/json")
        assert await friend.get_json(server.url + "/json") == {"hello": "there"}
        await stranger.close()
        await friend.close()

    run(scenario, tls)
