"""Names of users, robots and keys, and user names that say nothing."""

from __future__ import annotations

import pytest

from holdfast.access.errors import Invalid
from holdfast.access.names import description_text, key_name, robot_name, user_name
from holdfast.access.neutral import is_neutral

NEUTRAL = [
    "",
    "<token>",
    "$token",
    "$oauthtoken",
    "$app",
    "oauth2accesstoken",
    "_json_key",
    "_json_key_base64",
    "_dcgcr_2.1.0_token",
    "00000000-0000-0000-0000-000000000000",
    "AWS",
    "gitlab-ci-token",
]


@pytest.mark.parametrize("name", NEUTRAL)
def test_neutral_names_name_nobody(name: str) -> None:
    assert is_neutral(name)
    with pytest.raises(Invalid):
        user_name(name)


@pytest.mark.parametrize("name", ["admin", "aws", "token", "_dcgcr_x_token", "_dcgcr__token", "AWS ", "a"])
def test_other_names_are_somebodys(name: str) -> None:
    assert not is_neutral(name)


@pytest.mark.parametrize("name", ["a", "Alice", "a.b_c-d@example.org", "x" * 64, "7up"])
def test_names_of_users_and_keys(name: str) -> None:
    assert user_name(name) == key_name(name) == name


def test_a_robot_is_never_taken_for_a_user() -> None:
    name = robot_name("team/web", "ci.main")
    assert name == "team/web+ci.main"
    with pytest.raises(Invalid):
        user_name(name)


@pytest.mark.parametrize(("text", "kept"), [(None, None), ("", None), ("  ", None), (" builds ", "builds")])
def test_descriptions(text: str | None, kept: str | None) -> None:
    assert description_text(text) == kept


@pytest.mark.parametrize("text", ["two\nlines", "a\0b", "\x1b[31m", "x" * 513])
def test_descriptions_that_cannot_be(text: str) -> None:
    with pytest.raises(Invalid):
        description_text(text)
