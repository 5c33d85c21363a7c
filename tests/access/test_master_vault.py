"""The master key in Vault's transit engine, against a stand-in for Vault (vault.py)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.access.vault import TOKEN, VaultStandIn, vault

from holdfast.access.errors import MasterKeyAway, WrongMasterKey
from holdfast.access.master_vault import VaultMasterKey
from holdfast.app.tls import issue

KEY = bytes(range(32))


def with_vault(scenario: Callable[[VaultStandIn, VaultMasterKey], Awaitable[None]]) -> None:
    async def main() -> None:
        async with vault() as stand_in:
            await scenario(stand_in, VaultMasterKey(stand_in.url, "holdfast", lambda: TOKEN))

    asyncio.run(main())


def test_vault_wraps_and_unwraps_a_key_under_its_name() -> None:
    async def scenario(stand_in: VaultStandIn, master: VaultMasterKey) -> None:
        wrapped = await master.wrap("content-1", KEY)
        assert wrapped.startswith(b"vault:v1:")
        assert await master.unwrap("content-1", wrapped) == KEY
        for name in ("content-2", "content-", "content-11"):
            with pytest.raises(WrongMasterKey):
                await master.unwrap(name, wrapped)
        assert stand_in.asked == ["encrypt", *["decrypt"] * 4]

    with_vault(scenario)


def test_a_new_version_of_the_transit_key_wraps_anew() -> None:
    async def scenario(stand_in: VaultStandIn, master: VaultMasterKey) -> None:
        wrapped = await master.wrap("a", KEY)
        stand_in.rotate()
        fresh = await master.rewrap("a", wrapped)
        assert fresh.startswith(b"vault:v2:")
        assert await master.unwrap("a", fresh) == await master.unwrap("a", wrapped) == KEY
        with pytest.raises(WrongMasterKey):
            await master.rewrap("b", fresh)

    with_vault(scenario)


@pytest.mark.parametrize(
    "bad", [b"", b"no ciphertext", b"vault:v1:AAAA", b"vault:v9:AAAA", b"vault:v1:\xff", bytes(60)]
)
def test_what_vault_does_not_open_is_a_wrong_key(bad: bytes) -> None:
    async def scenario(_: VaultStandIn, master: VaultMasterKey) -> None:
        with pytest.raises(WrongMasterKey, match="Vault's transit key does not open the keys in the database"):
            await master.unwrap("a", bad)

    with_vault(scenario)


def test_a_vault_that_refuses_or_is_sealed_or_away_says_so_and_shows_no_token() -> None:
    async def scenario(stand_in: VaultStandIn, master: VaultMasterKey) -> None:
        wrapped = await master.wrap("a", KEY)
        for broken, said in (
            (VaultMasterKey(stand_in.url, "holdfast", lambda: "hvs.wrong"), "refuses the token .* permission denied"),
            (VaultMasterKey(stand_in.url, "other", lambda: TOKEN), "answers 400 .* encryption key not found"),
            (VaultMasterKey("http://127.0.0.1:1", "holdfast", lambda: TOKEN), "does not answer"),
        ):
            with pytest.raises(MasterKeyAway, match=said) as refused:
                await broken.wrap("a", KEY)
            assert "hvs." not in str(refused.value)
        stand_in.sealed = True
        with pytest.raises(MasterKeyAway, match=r"answers 503 .* Vault is sealed"):
            await master.unwrap("a", wrapped)

    with_vault(scenario)


def test_the_token_follows_no_redirect() -> None:
    async def scenario(stand_in: VaultStandIn, master: VaultMasterKey) -> None:
        async with vault() as other:
            stand_in.elsewhere = f"{other.url}/v1/transit/encrypt/holdfast"
            with pytest.raises(MasterKeyAway):
                await master.wrap("a", KEY)
            assert other.asked == []

    with_vault(scenario)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = issue(("127.0.0.1",), tmp_path / "tls", datetime.now(UTC))

    async def main(trusted: bool) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.certificate, issued.key)
        async with vault(context) as stand_in:
            master = VaultMasterKey(stand_in.url, "holdfast", lambda: TOKEN)
            if trusted:
                assert await master.unwrap("a", await master.wrap("a", KEY)) == KEY
            else:
                with pytest.raises(MasterKeyAway, match="does not answer"):
                    await master.wrap("a", KEY)
                assert stand_in.asked == []

    asyncio.run(main(trusted=False))
    monkeypatch.setenv("SSL_CERT_FILE", str(issued.authority))
    asyncio.run(main(trusted=True))


def test_nodes_of_one_key_have_one_mark() -> None:
    async def scenario(stand_in: VaultStandIn, master: VaultMasterKey) -> None:
        same = VaultMasterKey(stand_in.url + "/", "holdfast", lambda: "another")
        assert await master.mark() == await same.mark()
        assert await master.mark() != await VaultMasterKey(stand_in.url, "other", lambda: TOKEN).mark()
        assert stand_in.asked == []

    with_vault(scenario)
