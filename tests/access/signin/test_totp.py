"""Codes of the time against the vectors of RFC 6238 and RFC 4226, and how they are shown."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from holdfast.access.signin.recovery_codes import MANY, new_codes, plain_code
from holdfast.access.signin.totp import code_of, grouped, matching_step, new_secret, step_at, text_of, uri_of

SECRET = b"12345678901234567890"
SECOND = 1_000_000
HOTP = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
"""RFC 4226, appendix D."""
TOTP = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
"""RFC 6238, appendix B, with eight digits: ours are the last six."""


def test_the_vectors_of_the_standards() -> None:
    assert [code_of(SECRET, count) for count in range(10)] == HOTP
    for second, code in TOTP.items():
        assert code_of(SECRET, step_at(second * SECOND)) == code[-6:]


@pytest.mark.parametrize(("off", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_off_by_half_a_minute(off: int, good: bool) -> None:
    now = 1_800_000_000 * SECOND
    code = code_of(SECRET, step_at(now) + off)
    assert (matching_step(SECRET, code, now, 0) == step_at(now) + off) is good


def test_an_interval_that_was_used_matches_no_more() -> None:
    now = 1_800_000_000 * SECOND
    step = step_at(now)
    assert matching_step(SECRET, code_of(SECRET, step), now, step - 1) == step
    assert matching_step(SECRET, code_of(SECRET, step), now, step) is None
    assert matching_step(SECRET, code_of(SECRET, step - 1), now, step) is None
    assert matching_step(SECRET, code_of(SECRET, step + 1), now, step) == step + 1


@pytest.mark.parametrize("code", ["", "12345", "1234567", "\u0661\u0662\u0663\u0664\u0665\u0666", "\ud800" * 6])
def test_what_is_no_code_matches_nothing(code: str) -> None:
    assert matching_step(SECRET, code, 1_800_000_000 * SECOND, 0) is None


def test_the_secret_as_apps_take_it() -> None:
    assert text_of(SECRET) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert grouped("ABCDEFGHIJ") == "ABCD EFGH IJ"
    found = urlsplit(uri_of(SECRET, "registry.example.com:5000", "a b"))
    assert (found.scheme, found.netloc, found.path) == ("otpauth", "totp", "/registry.example.com%3A5000:a%20b")
    assert parse_qs(found.query) == {"secret": [text_of(SECRET)], "issuer": ["registry.example.com:5000"]}
    assert len({new_secret() for _ in range(10)}) == 10
    assert all(len(new_secret()) == 20 for _ in range(3))


def test_recovery_codes_are_many_and_read_as_people_type_them() -> None:
    codes = new_codes()
    assert len(set(codes)) == MANY == 10
    for code in codes:
        plain = plain_code(code)
        assert plain is not None
        assert len(plain) == 12
        assert plain_code(f" {code.upper()} ") == plain_code(code.replace("-", " ")) == plain
    assert plain_code("OIL000-OIL000") == plain_code("011000-011000")
    assert plain_code("123456") is plain_code("u" * 12) is plain_code("") is plain_code("1" * 13) is None
