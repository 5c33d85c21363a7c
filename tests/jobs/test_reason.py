"""What the history says of an error: short, on one line, without secrets."""

from __future__ import annotations

import time

import pytest

from holdfast.jobs.reason import LIMIT, clean, describe, stack

SECRET = "s3cr3t-VALUE"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://joe:{SECRET}@db.example.com/holdfast",
        f"https://{SECRET}@example.com/x",
        f"password={SECRET}",
        f"dsn: user=joe password='{SECRET}' host=db",
        f'{{"client_secret": "{SECRET}", "a": 1}}',
        f"Authorization: Bearer {SECRET}",
        f"sent Basic {SECRET}==",
        f"https://b.example.com/k?X-Amz-Signature={SECRET}&x=1",
        f"https://b.example.com/k?sv=1&sig={SECRET}",
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
        f"HOLDFAST_ENCRYPTION_VAULT_TOKEN: {SECRET}",
        f"x-vault-token: {SECRET}",
        f"api_key={SECRET}",
        f"eyJ{SECRET}.{SECRET}.{SECRET}",
        f"key {SECRET * 5}",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    said = clean(f"it failed: {text}")
    assert SECRET not in said
    assert said.startswith("it failed: ")
    assert "***" in said


@pytest.mark.parametrize(
    "text",
    [
        "the bucket does not answer",
        "object 0011223344-5566 of team/app:1.2.3 is missing",
        "sha256:" + "0" * 64 + " has 12 bytes, not 13",
        "unexpected key 'a' at line 3",
    ],
)
def test_what_is_none_is_left(text: str) -> None:
    assert clean(text) == text


def test_it_is_bounded_and_on_one_line() -> None:
    said = describe(ValueError("a\nb\r\x1b[31mc\x00\u2028d " + "word " * 10_000))
    assert said.startswith("ValueError: a b [31mc d word")
    assert len(said) <= LIMIT
    assert described_in_time("password" * 100_000)
    assert described_in_time("a" * 1_000_000)
    assert described_in_time("eyJ." * 100_000)


def described_in_time(text: str) -> bool:
    """Not a measure: a hostile text would take minutes."""
    began = time.process_time()
    clean(text)
    return time.process_time() - began < 10


def test_an_error_without_words_has_its_name() -> None:
    assert describe(KeyError()) == "KeyError"


def test_where_it_happened_has_no_values() -> None:
    with pytest.raises(ValueError) as raised:
        int(SECRET)
    assert stack(raised.value).startswith("test_reason.py:")
    assert SECRET not in stack(raised.value)
