"""Templates: what they say, what is refused when they are saved, and what they cannot do."""

from __future__ import annotations

from typing import Any

import pytest
from tests.webhooks.shapes.events import ALL, DIGEST, OTHER, about, event, pushed, read

from holdfast.journal.model import ChangeKind
from holdfast.webhooks.shapes import template
from holdfast.webhooks.shapes.model import Move
from holdfast.webhooks.shapes.template import TemplateInvalid


def made(text: str, content_type: str = "application/json", name: str = "pushed") -> list[Any]:
    return [read(payload) for payload in template.read(text, content_type)(*ALL[name])]


def test_every_field_is_told() -> None:
    fields = ", ".join(f'"{field}": ${{{field}}}' for field in template.FIELDS if field not in {"tag", "image"})
    (seen,) = made(f"{{{fields}}}")
    assert seen == {
        "id": "4711",
        "type": "holdfast.manifest.pushed",
        "time": "2026-11-22T03:04:05.678901Z",
        "source": "https://registry.example.com",
        "host": "registry.example.com",
        "subject": f"team/app@{DIGEST}",
        "actor": "user:ann",
        "requestid": "req-1",
        "path": "team/app",
        "repository": "team/app",
        "namespace": "team",
        "name": "app",
        "digest": DIGEST,
        "tags": ["v1", "latest"],
        "webhook": "deploy",
        "data": {"path": "team/app", "digest": DIGEST, "tags": ["v1", "latest"]},
    }


def test_a_template_that_names_a_tag_is_sent_once_for_each() -> None:
    text = '{"text": "${image} is new (${tag})"}'
    assert made(text) == [
        {"text": "registry.example.com/team/app:v1 is new (v1)"},
        {"text": "registry.example.com/team/app:latest is new (latest)"},
    ]
    for name in ("pushed by digest", "tag deleted", "user created"):
        assert made(text, name=name) == []


def test_the_digest_of_a_tag_is_the_one_that_it_names_now() -> None:
    happened = event(ChangeKind.ROLLBACK_APPLIED, target="team/app", to=1)
    known = about(Move("v1", DIGEST, OTHER), Move("v2", OTHER, DIGEST))
    seen = [read(each) for each in template.read('["${tag}", "${digest}"]')(happened, known)]
    assert seen == [["v1", OTHER], ["v2", DIGEST]]


def test_fields_of_the_data_are_told_by_name() -> None:
    assert made('[${data.id}, "${data.id}", ${data.name}, ${data.other}]', name="user created") == [
        [1, "1", "bob", None]
    ]


def test_the_characters_of_a_placeholder_can_be_written() -> None:
    (payload,) = template.read("costs $5, $${tag}: ${ path }", "text/plain")(*ALL["pushed"])
    assert payload.body == b"costs $5, ${tag}: team/app"


@pytest.mark.parametrize(
    ("text", "content_type", "why"),
    [
        ('{"a": "${tga}"}', "application/json", "line 1: there is no field 'tga'; there are id, type"),
        ('{"a": 1,\n "b": "${__class__}"}', "application/json", "line 2: there is no field '__class__'"),
        ('{"a": "${data.__class__.__mro__}"}', "application/json", "line 1: there is no field"),
        ('{"a": "${tag.upper()}"}', "application/json", "line 1: there is no field"),
        ('{"a": "${data[0]}"}', "application/json", "line 1: there is no field"),
        ('{"a": "${}"}', "application/json", "line 1: there is no field ''"),
        ('{"a": "${tag"}', "application/json", "line 1: there is no field|line 1: a placeholder is"),
        ('{"a":\n"${tag\n}"}', "application/json", "line 2: a placeholder is"),
        ('{"a": "\\${tag}n"}', "application/json", "line 1: a backslash stands right before a placeholder"),
        ('{"a": "\\u00${tag}"}', "application/json", "line 1: this is no JSON"),
        ('{"a": 1${id}}', "application/json", "line 1: this is no JSON"),
        ('{"a": ${id}${id}}', "application/json", "line 1: this is no JSON"),
        ("{${path}: 1}", "application/json", "line 1: this is no JSON"),
        ('{"a": "b"\n "c": 1}', "application/json", "line 2: this is no JSON"),
        ('{"a": NaN}', "application/json", "there is no NaN in it"),
        ("", "application/json", "line 1: this is no JSON"),
        ("[" * 16_000, "application/json", "this JSON is nested too deeply|no JSON"),
        ("x" * 16_385, "text/plain", "16384 characters at most"),
        ("${id}" * 51, "text/plain", "50 placeholders at most; this one has 51"),
        ("a\x00b", "text/plain", "no control characters"),
        ("a", "text/html", "none of JSON"),
        ("a", "application/xml", "none of JSON"),
        ("a", "text/plain\r\nx-forged: 1", "the content type is"),
        ("a", "text/plain; charset=latin-1", "the content type is"),
        ("a", "", "the content type is"),
    ],
)
def test_what_would_not_work_is_refused_with_line_and_reason(text: str, content_type: str, why: str) -> None:
    with pytest.raises(TemplateInvalid, match=why) as refused:
        template.read(text, content_type)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/vnd.team.deploy+json",
        "text/plain;charset=utf-8",
        "application/x-www-form-urlencoded",
    ],
)
def test_the_content_type_is_sent_as_it_was_written(content_type: str) -> None:
    (payload,) = template.read('{"a": "x"}', content_type)(*ALL["pushed"])
    assert payload.content_type == content_type


def test_nothing_of_the_largest_template_and_event_is_much() -> None:
    text = '["' + "${data}${data.a}" * 25 + '"]'
    huge = event(ChangeKind.NAMESPACE_CHANGED, a="\x01" * 1_000_000, b=["y" * 1000] * 1000)
    (payload,) = template.read(text)(huge, about())
    assert len(payload.body) < 3_000_000
    assert read(payload)


def test_what_a_template_says_is_the_same_every_time() -> None:
    one = template.read('{"t": "${tags}"}')
    assert one(pushed("v1"), about()) == one(pushed("v1"), about())
