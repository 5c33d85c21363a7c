"""What the doctor says of the master key."""

import asyncio
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from tests.access.vault import TOKEN, vault

from holdfast.access.master import new_master_key
from holdfast.app.config import Settings
from holdfast.app.config_kinds import Secret
from holdfast.app.config_record import Database, Encryption
from holdfast.app.doctor_check import Check, Verdict
from holdfast.app.doctor_keys import check_keys


def checked(settings: Settings) -> dict[str, Check]:
    return {each.name: each for each in check_keys(settings)}


def test_a_new_installation_makes_its_own(tmp_path: Path) -> None:
    found = checked(Settings(data=tmp_path / "data"))
    assert found["master key"].verdict is Verdict.OK
    assert "made at the first start" in found["master key"].seen
    assert found["encryption"].seen == "content is stored in clear"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("mode", "text", "verdict", "said"),
    [
        (0o600, new_master_key(), Verdict.OK, "keep a copy"),
        (0o640, new_master_key(), Verdict.WARNING, "can be read by other users"),
        (0o604, new_master_key(), Verdict.WARNING, "can be read by other users"),
        (0o600, "short\n", Verdict.FAILED, "line 1 of the master key file"),
    ],
    ids=["sound", "the group reads it", "everybody reads it", "no key"],
)
def test_a_key_file_is_a_key_and_nobody_elses(
    tmp_path: Path, mode: int, text: str, verdict: Verdict, said: str
) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(mode)
    found = checked(Settings(data=tmp_path, encryption=Encryption(key_file=path)))
    assert found["master key"].verdict is verdict
    assert said in found["master key"].seen
    assert found["encryption"].seen == "content is encrypted"
    assert verdict is not Verdict.WARNING or found["master key"].advice == f"chmod 600 {path}"


def test_the_key_of_an_installation_that_lost_it_is_missed(tmp_path: Path) -> None:
    (tmp_path / "holdfast.db").touch()
    assert checked(Settings(data=tmp_path))["master key"].verdict is Verdict.FAILED


def test_a_key_from_the_environment_is_looked_at_and_not_shown(tmp_path: Path) -> None:
    right = b64encode(b"k" * 32).decode()
    for text, verdict in ((right, Verdict.OK), (f"{right},{right}", Verdict.OK), ("not-a-key-at-all", Verdict.FAILED)):
        found = checked(Settings(data=tmp_path, encryption=Encryption(key=Secret(text))))["master key"]
        assert found.verdict is verdict
        assert text not in found.seen + found.advice


def test_postgresql_without_a_key_is_told_how_to_get_one(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, database=Database(url=Secret("postgresql://localhost/holdfast")))
    found = checked(settings)["master key"]
    assert found.verdict is Verdict.FAILED
    assert "openssl rand -base64 32" in found.seen
    assert not (tmp_path / "master.key").exists()


def test_vault_is_asked(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o644)

    async def main() -> None:
        async with vault() as stand_in:
            encryption = Encryption(vault_url=stand_in.url, vault_token_file=token)
            found = await asyncio.to_thread(checked, Settings(data=tmp_path, encryption=encryption))
            assert found["master key"].verdict is Verdict.OK
            assert found["vault token"].verdict is Verdict.WARNING
            assert stand_in.asked == ["encrypt", "decrypt"]
            wrong = replace(encryption, vault_key="other")
            found = await asyncio.to_thread(checked, Settings(data=tmp_path, encryption=wrong))
            assert found["master key"].verdict is Verdict.FAILED
            assert "encryption key not found" in found["master key"].seen

    asyncio.run(main())
