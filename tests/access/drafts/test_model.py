"""The policy file: read strictly, written so that it can be read again, compared exactly."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

from holdfast.access.drafts.difference import difference
from holdfast.access.drafts.model import Draft, GrantLine, GroupLine, RoleLine, read_draft, write_draft
from holdfast.access.errors import Invalid
from holdfast.cli.policy_file import read_policy, toml_of

WHOLE: dict[str, Any] = {
    "path": "",
    "roles": [{"name": "deployer", "actions": ["list", "pull"], "description": 'who "deploys" \\ ü'}],
    "groups": [{"name": "ops", "members": ["robot:shop+ci", "user:dora"]}, {"name": "quiet", "members": []}],
    "grants": [
        {"subject": "anonymous", "role": "reader", "scope": "public/**"},
        {
            "subject": "group:corp/dev",
            "deny": ["overwrite", "pull"],
            "scope": "shop/**:prod-*",
            "conditions": {
                "claims": {"ref": "refs/tags/v*"},
                "networks": ["10.0.0.0/8"],
                "times": [{"days": ["mon"], "start": "08:00", "end": "18:00", "zone": "Europe/Berlin"}],
            },
            "expires_at": "2099-01-01T00:00:00Z",
            "note": "until then",
        },
    ],
    "visibility": {"public": "public", "public/drafts": "private"},
}


def test_what_is_written_is_read_again() -> None:
    draft = read_draft(WHOLE)
    assert write_draft(draft) == WHOLE
    assert read_draft(write_draft(draft)) == draft
    assert difference(draft, draft) == []


@pytest.mark.parametrize("form", ["toml", "json"])
def test_the_file_holds_all_of_it(tmp_path: Path, form: str) -> None:
    file = tmp_path / "policy"
    file.write_text(toml_of(WHOLE) if form == "toml" else json.dumps(WHOLE))
    assert read_draft(read_policy(file)) == read_draft(WHOLE)


def test_a_section_that_is_empty_is_not_one_that_is_left_out() -> None:
    empty = {"path": "shop", "grants": [], "visibility": {}}
    again = tomllib.loads(toml_of(empty))
    assert read_draft(again) == Draft("shop", None, None, (), {})
    assert read_draft({}) == Draft("", None, None, None, None)
    assert difference(read_draft(WHOLE), read_draft({})) == []


def test_times_of_toml_are_times(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[[grants]]\nsubject = "user:a"\nrole = "reader"\nscope = "x"\nexpires_at = 2099-01-01T00:00:00Z\n')
    (grant,) = read_draft(read_policy(file)).grants or ()
    assert grant.expires_at == 4_070_908_800_000_000


@pytest.mark.parametrize("text", ["", "= x", "{", "[1]", '{"a": NaN', "\udcff"])
def test_what_is_no_file_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    if text in {"", "[1]"}:
        assert read_policy(file) in ({}, {"1": {}})
    else:
        with pytest.raises(click.ClickException):
            read_policy(file)


@pytest.mark.parametrize(
    ("field", "policy"),
    [
        ("policy", []),
        ("policy.users", {"users": []}),
        ("roles", {"roles": {}}),
        ("roles.0.name", {"roles": [{"name": "reader", "actions": ["pull"]}]}),
        ("roles.0.actions", {"roles": [{"name": "x", "actions": ["fly"]}]}),
        ("roles", {"roles": [{"name": "x", "actions": ["pull"]}] * 2}),
        ("roles", {"path": "shop", "roles": []}),
        ("groups", {"path": "shop", "groups": []}),
        ("groups.0.name", {"groups": [{"name": "corp/dev"}]}),
        ("groups.0.members", {"groups": [{"name": "x", "members": ["group:y"]}]}),
        ("grants.0", {"grants": ["x"]}),
        ("grants.0.id", {"grants": [{"id": 1}]}),
        ("grants.0.subject", {"grants": [{"subject": "alice", "role": "reader", "scope": "x"}]}),
        ("grants.0.role", {"grants": [{"subject": "user:a", "scope": "x"}]}),
        ("grants.0.role", {"grants": [{"subject": "user:a", "role": "reader", "deny": ["pull"], "scope": "x"}]}),
        ("grants.0.deny", {"grants": [{"subject": "user:a", "deny": ["fly"], "scope": "x"}]}),
        ("grants.0.scope", {"grants": [{"subject": "user:a", "role": "reader", "scope": "A B"}]}),
        ("grants.0.scope", {"path": "shop", "grants": [{"subject": "user:a", "role": "reader", "scope": "other/x"}]}),
        ("grants.0.scope", {"path": "shop", "grants": [{"subject": "user:a", "role": "reader", "scope": "s*/x"}]}),
        (
            "grants.0.networks",
            {"grants": [{"subject": "user:a", "role": "reader", "scope": "x", "conditions": {"networks": ["x"]}}]},
        ),
        ("grants.0.expires_at", {"grants": [{"subject": "user:a", "role": "reader", "scope": "x", "expires_at": "x"}]}),
        (
            "grants.1",
            {
                "grants": [
                    {"subject": "user:a", "role": "reader", "scope": "x"},
                    {"subject": "user:a", "role": "reader", "scope": "x", "note": "again"},
                ]
            },
        ),
        ("visibility", {"visibility": {"x": "open"}}),
        ("visibility", {"visibility": []}),
        ("visibility", {"path": "shop", "visibility": {"other": "public"}}),
        ("namespace", {"path": "A B"}),
        ("path", {"path": 7}),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(field: str, policy: object) -> None:
    with pytest.raises(Invalid) as caught:
        read_draft(policy)
    assert caught.value.field == field


def test_the_difference_gives_before_it_takes() -> None:
    now = Draft(
        "",
        (RoleLine("old", ("pull",)), RoleLine("same", ("pull",))),
        (GroupLine("gone", ("user:a",)), GroupLine("kept", ("user:a", "user:b"))),
        (GrantLine("user:a", "old", (), "x"), GrantLine("group:gone", "reader", (), "y")),
        {"a": True, "b": True},
    )
    wanted = Draft(
        "",
        (RoleLine("new", ("list",)), RoleLine("same", ("list",))),
        (GroupLine("kept", ("user:b", "user:c")), GroupLine("made", ("user:a",))),
        (GrantLine("user:a", "new", (), "x"),),
        {"a": False, "c": True},
    )
    found = [(change.kind, change.how, change.said) for change in difference(now, wanted)]
    assert found == [
        ("role", "add", "role new: list"),
        ("role", "change", "role same: list"),
        ("group", "add", "group made"),
        ("member", "add", "user:c in group kept"),
        ("member", "add", "user:a in group made"),
        ("grant", "add", "user:a new x"),
        ("visibility", "change", "a is private"),
        ("visibility", "change", "b is as above it"),
        ("visibility", "change", "c is public"),
        ("grant", "remove", "user:a old x"),
        ("grant", "remove", "group:gone reader y"),
        ("member", "remove", "user:a in group kept"),
        ("group", "remove", "group gone"),
        ("role", "remove", "role old"),
    ]


def test_a_note_makes_no_other_grant() -> None:
    one, other = (Draft(grants=(GrantLine("user:a", "reader", (), "x", note=note),)) for note in ("a", "b"))
    assert difference(one, other) == []
