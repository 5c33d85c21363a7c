"""Where the master key comes from, by real servers; one that is lost or wrong is refused before the port answers."""

from __future__ import annotations

import asyncio
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.access.vault import TOKEN, VaultStandIn, vault
from tests.backends import database_url
from tests.databases import Tables
from tests.faults.client import Caller, Ledger, Pushing
from tests.pairs import Pair
from tests.ports import free_port
from tests.serving import Server, ServerFailed, running_server

EMBEDDED = Pair.EMBEDDED
ONE, TWO = (b64encode(bytes([n]) * 32).decode() for n in (1, 2))


def refusal(server: Server) -> str:
    """What a start says that must fail."""
    before = len(server.log_text())
    with pytest.raises(ServerFailed, match="ended with status 1"):
        server.start()
    text = server.log_text()[before:]
    assert "Traceback" not in text, text
    assert "holdfast: cannot start" in text
    return text


def push(server: Server, data: bytes) -> str:
    """Push a blob; returns its address, which gives it back."""
    with Caller(server.port) as caller:
        address = f"/v2/keys/test/blobs/{Pushing(caller, Ledger()).put('keys/test', data)}"
        assert caller.expect(200, "GET", address).body == data
        return address


def pull(server: Server, address: str) -> bytes:
    with Caller(server.port) as caller:
        return caller.expect(200, "GET", address).body


def secrets(server: Server) -> dict[str, bytes]:
    tables = Tables(server.env.get("HOLDFAST_DATABASE", str(server.data / "holdfast.db")))
    try:
        return {name: bytes(wrapped) for name, wrapped in tables.sql("select name, wrapped from secret")}
    finally:
        tables.close()


@contextmanager
def running_vault() -> Iterator[VaultStandIn]:
    """The stand-in for Vault, beside the server."""
    ready, found = threading.Event(), []
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def main() -> None:
        async with vault() as stand_in:
            found.append(stand_in)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def again(server: Server, **environment: str) -> Server:
    """The same installation with other settings, not yet started."""
    return Server(server.data, free_port(), ("--open",), {**server.env, **environment}, server.logs)


def test_a_key_file_takes_the_place_of_one_made_here(tmp_path: Path) -> None:
    keys = tmp_path / "holdfast.key"
    keys.write_text(ONE + "\n")
    with running_server(tmp_path, "--open", "--encryption-key-file", str(keys), pair=EMBEDDED) as server:
        address = push(server, b"small")
        assert not (server.data / "master.key").exists()
        assert "Encrypted:" not in server.stdout_text()
        server.stop()
        keys.write_text(TWO + "\n")
        assert "the master key does not open the keys in the database" in refusal(server)
        keys.write_text("garbage\n")
        assert "line 1 of the master key file is not base64 of 32 bytes" in refusal(server)
        keys.write_text(f"{TWO}\n{ONE}\n")
        server.start()
        assert pull(server, address) == b"small"


def test_a_key_comes_from_the_environment(tmp_path: Path) -> None:
    name = "HOLDFAST_ENCRYPTION_KEY"
    with running_server(tmp_path, "--open", env={name: ONE}, pair=EMBEDDED) as server:
        address = push(server, b"small")
        assert not (server.data / "master.key").exists()
        server.stop()
        said = refusal(again(server, **{name: TWO}))
        assert "the master key does not open the keys in the database" in said
        assert TWO not in said
        other = again(server, **{name: f"{TWO},{ONE}"})
        other.start()
        try:
            assert pull(other, address) == b"small"
        finally:
            other.stop()


def test_a_key_stays_in_vault(tmp_path: Path) -> None:
    with running_vault() as stand_in:
        settings = {"HOLDFAST_ENCRYPTION_VAULT_URL": stand_in.url, "HOLDFAST_ENCRYPTION_VAULT_TOKEN": TOKEN}
        with running_server(tmp_path, "--open", "--no-jobs", env=settings, pair=EMBEDDED) as server:
            address = push(server, b"small")
            assert not (server.data / "master.key").exists()
            kept = secrets(server)
            assert all(wrapped.startswith(b"vault:v1:") for wrapped in kept.values()), kept
            asked = len(stand_in.asked)
            for n in range(20):
                push(server, b"more %d" % n)
            assert len(stand_in.asked) == asked, "neither pushes nor pulls wait for Vault"
            server.stop()
            stand_in.sealed = True
            assert "Vault is sealed" in refusal(server)
            stand_in.sealed = False
            said = refusal(again(server, HOLDFAST_ENCRYPTION_VAULT_TOKEN="hvs.another-token"))
            assert "refuses the token" in said
            assert "hvs." not in said
            server.start()
            assert pull(server, address) == b"small"
            server.stop()
    assert "does not answer" in refusal(server)


def test_postgresql_makes_no_key_and_refuses_a_wrong_one(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", free_port(), ("--open",), {"HOLDFAST_DATABASE": database_url()}, tmp_path)
    said = refusal(server)
    assert "needs a master key that all nodes share" in said
    assert "openssl rand -base64 32" in said
    assert not (server.data / "master.key").exists()
    server = again(server, HOLDFAST_ENCRYPTION_KEY=ONE)
    server.start()
    try:
        address = push(server, b"small")
        server.stop()
        assert "the master key does not open" in refusal(again(server, HOLDFAST_ENCRYPTION_KEY=TWO))
        server.start()
        assert pull(server, address) == b"small"
    finally:
        if server.process is not None:
            server.stop()


def test_encryption_is_switched_on_and_off_and_all_content_stays_readable(tmp_path: Path) -> None:
    large = bytes(range(256)) * 1000
    with running_server(tmp_path, "--open", pair=EMBEDDED) as server:
        addresses = {push(server, data): data for data in (b"clear", b"clear" + large)}
        assert "Encrypted:" not in server.stdout_text()
        for content, said in (("on", True), ("off", False)):
            server.stop()
            server.flags = ("--open", "--encryption-content", content)
            before = len(server.stdout_text())
            server.start()
            banner = server.stdout_text()[before:]
            assert (f"Encrypted: {server.data / 'master.key'} opens everything." in banner) is said
            for data in (content.encode(), content.encode() + large):
                addresses[push(server, data)] = data
            assert {address: pull(server, address) for address in addresses} == addresses
        tables = Tables(str(server.data / "holdfast.db"))
        try:
            assert tables.sql("select wrapped_key is not null from content order by id") == [0, 0, 1, 1, 0, 0]
        finally:
            tables.close()
