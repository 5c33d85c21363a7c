"""The form of a key's secret: random enough, checked before anything is asked."""

from __future__ import annotations

import math
import re

import pytest

from holdfast.access.keys.secret import hint, is_well_formed, keyed_hash, looks_like_key, new_secret


def test_a_secret_is_random_and_well_formed() -> None:
    made = {new_secret() for _ in range(200)}
    assert len(made) == 200
    for secret in made:
        assert re.fullmatch(r"hf_[0-9A-Za-z]{36}", secret)
        assert is_well_formed(secret)
        assert looks_like_key(secret)
        assert hint(secret) == secret[-4:]
    assert 30 * math.log2(62) > 160


def test_any_changed_character_breaks_the_checksum() -> None:
    secret = new_secret()
    for at in range(3, len(secret)):
        other = "a" if secret[at] != "a" else "b"
        assert not is_well_formed(secret[:at] + other + secret[at + 1 :])


@pytest.mark.parametrize(
    "text", ["", "hf_", "hf_x", "hf_" + "0" * 36, "HF_" + "0" * 36, "hf_" + "0" * 1000, "hf_é" * 9]
)
def test_what_is_no_key_is_not_well_formed(text: str) -> None:
    assert not is_well_formed(text)
    assert not is_well_formed(new_secret() + text) or not text


def test_the_hash_depends_on_the_key_and_the_secret() -> None:
    secret = new_secret()
    hashes = {keyed_hash(key, each) for key in (b"a" * 32, b"b" * 32) for each in (secret, new_secret())}
    assert len(hashes) == 4
    assert keyed_hash(b"a" * 32, secret) in hashes
