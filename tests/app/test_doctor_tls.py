"""What the doctor says of TLS files that are sound, foreign to each other, broken, old, or for another host."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from holdfast.app.doctor_check import Check, Verdict
from holdfast.app.doctor_tls import check_tls
from holdfast.app.tls import Issued, issue

NOW = datetime.now(UTC)


@pytest.fixture
def issued(tmp_path: Path) -> Issued:
    return issue(("r.example.com", "*.apps.example.com", "192.0.2.1"), tmp_path / "tls", NOW)


def examine(issued: Issued, public_url: str | None = None, at: datetime = NOW) -> dict[str, Check]:
    return {each.name: each for each in check_tls(issued.certificate, issued.key, public_url, at)}


def test_sound_files(issued: Issued) -> None:
    checks = examine(issued)
    assert {each.verdict for each in checks.values()} == {Verdict.OK}
    assert checks["tls hosts"].seen == "r.example.com, *.apps.example.com, 192.0.2.1"


def test_a_certificate_that_is_none(issued: Issued) -> None:
    issued.certificate.write_text("hello")
    (check,) = examine(issued).values()
    assert (check.name, check.verdict) == ("tls certificate", Verdict.FAILED)


def test_a_key_that_is_none_or_encrypted_or_of_another(issued: Issued, tmp_path: Path) -> None:
    pem = issued.key.read_bytes()
    other = issue(("r.example.com",), tmp_path / "other", NOW)
    encrypted = load_pem_private_key(pem, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
    )
    seen = []
    for content in (b"hello", encrypted, other.key.read_bytes()):
        issued.key.write_bytes(content)
        check = examine(issued)["tls key"]
        assert check.verdict is Verdict.FAILED
        assert check.advice
        seen.append(check.seen.removeprefix(f"{issued.key} "))
    assert seen == ["is no PEM private key", "is encrypted", f"does not belong to {issued.certificate}"]


def test_a_key_that_others_may_read(issued: Issued) -> None:
    issued.key.chmod(0o640)
    check = examine(issued)["tls key"]
    assert (check.verdict, check.advice) == (Verdict.WARNING, f"chmod 600 {issued.key}")


@pytest.mark.parametrize(
    ("days", "verdict"), [(-1, Verdict.FAILED), (0, Verdict.OK), (800, Verdict.WARNING), (826, Verdict.FAILED)]
)
def test_dates(issued: Issued, days: int, verdict: Verdict) -> None:
    assert examine(issued, at=NOW + timedelta(days=days))["tls dates"].verdict is verdict


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("https://r.example.com", Verdict.OK),
        ("https://x.apps.example.com:5000", Verdict.OK),
        ("https://192.0.2.1", Verdict.OK),
        ("https://a.b.apps.example.com", Verdict.FAILED),
        ("https://example.com", Verdict.FAILED),
        ("https://192.0.2.2", Verdict.FAILED),
    ],
)
def test_the_public_host_must_be_named(issued: Issued, url: str, verdict: Verdict) -> None:
    assert examine(issued, url)["tls hosts"].verdict is verdict
