"""What becomes of a provider's claims: names and groups."""

from __future__ import annotations

import pytest

from holdfast.access.names import user_name
from holdfast.access.signin.claims import account_name, person_of, wants_more
from holdfast.access.signin.model import Provider

CORP = Provider(
    1, "corp", "https://idp.example", "holdfast", True, "openid", "groups", "preferred_username", None, True, 0, "", 0
)


@pytest.mark.parametrize(
    ("proposed", "name"),
    [
        ("alice", "alice"),
        ("Alice Jones", "alice-jones"),
        ("ALICE", "alice"),
        ("alice@example.com", "alice@example.com"),
        ("CORP\\alice", "corp-alice"),
        ("team/x+ci", "team-x-ci"),
        ("\uff21lice", "alice"),
        ("\u0430lice", "lice"),
        ("-._@", "person"),
        ("", "person"),
        ("\u202e", "person"),
        ("a" * 500, "a" * 96),
    ],
)
def test_names_are_made_plain(proposed: str, name: str) -> None:
    assert account_name(proposed) == name
    user_name(name[:64])


def test_a_name_is_the_claim_else_the_address_else_the_subject() -> None:
    assert person_of({"sub": "s", "preferred_username": "bob", "email": "e@x"}, CORP).name == "bob"
    assert person_of({"sub": "s", "email": "e@x.org"}, CORP).name == "e@x.org"
    assert person_of({"sub": "S-1"}, CORP).name == "s-1"
    assert person_of({"sub": "s", "preferred_username": 7}, CORP).name == "s"
    assert person_of({"sub": "s", "name": "Bob \x1b[31mB"}, CORP).display == "Bob [31mB"


def test_groups_are_a_list_of_names() -> None:
    def groups(value: object) -> tuple[tuple[str, ...], bool]:
        person = person_of({"sub": "s", "groups": value}, CORP)
        return person.groups, bool(person.note)

    assert groups(["a", "b", "a"]) == (("a", "b"), False)
    assert groups("one") == (("one",), False)
    assert groups([]) == ((), False)
    assert groups(["a" * 200]) == (("a" * 200,), False)
    for wrong in (["a" * 201], [""], [" "], ["a\n"], [None], [["a"]], 7, True, None, {"a": 1}):
        assert groups(wrong) == ((), True), wrong


def test_a_claim_may_lie_deeper() -> None:
    nested = CORP._replace(groups_claim="realm_access.roles")
    assert person_of({"sub": "s", "realm_access": {"roles": ["x"]}}, nested).groups == ("x",)
    assert person_of({"sub": "s", "realm_access.roles": ["y"], "realm_access": {"roles": ["x"]}}, nested).groups == (
        "y",
    )
    assert person_of({"sub": "s", "realm_access": "x"}, nested).note


def test_no_groups_are_read_where_none_are_wanted() -> None:
    person = person_of({"sub": "s", "groups": ["a"], "hasgroups": True}, CORP._replace(groups_claim=None))
    assert (person.groups, person.note) == ((), "")


def test_the_userinfo_endpoint_is_asked_for_what_is_missing() -> None:
    assert wants_more({"sub": "s", "preferred_username": "b"}, CORP)
    assert wants_more({"sub": "s", "groups": []}, CORP)
    assert not wants_more({"sub": "s", "preferred_username": "b", "groups": []}, CORP)
    assert not wants_more({"sub": "s", "preferred_username": "b", "hasgroups": True}, CORP)
