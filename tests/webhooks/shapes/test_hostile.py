"""Whatever stands in a name, a tag, an actor or data: bodies stay what they are, and it stays inside its field."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.webhooks.shapes.events import DIGEST, about, event, read
from tests.webhooks.shapes.receivers import READERS, understand

from holdfast.journal.model import ChangeKind
from holdfast.registry.events.model import Event
from holdfast.webhooks.shapes import template
from holdfast.webhooks.shapes.catalogue import SHAPES, shape_of
from holdfast.webhooks.shapes.model import About, Move, Repository

NASTY = (
    '"},"admin":true,"x":{"',
    "<!channel> <@U123> <https://evil.example|click>",
    "`code` *bold* _it_ ~no~ @everyone",
    "\r\nce-type: forged\r\n\r\n",
    "\x00\x1b[31m\x7f\u2028\u202e",
    "${data} $${x} {{7*7}} {% for %} %s %(x)s",
    "\ud800 lone",
    "é" * 5000,
    "\\",
    "</script><script>",
    "=cmd|' /C calc'!A0",
)
TEXTS = st.one_of(st.sampled_from(NASTY), st.text(max_size=60))
KINDS = (
    ChangeKind.MANIFEST_PUSHED,
    ChangeKind.TAG_DELETED,
    ChangeKind.MANIFEST_DELETED,
    ChangeKind.ROLLBACK_APPLIED,
    ChangeKind.USER_CREATED,
    ChangeKind.NAMESPACE_CHANGED,
    ChangeKind.BLOB_DELETED,
    ChangeKind.REPOSITORY_DELETED,
)


def happening(kind: ChangeKind, path: str, tag: str, who: str, other: str) -> tuple[Event, About]:
    path = path or "app"
    data: dict[str, Any] = {"digest": DIGEST, "note": other, "repository": path}
    data |= {"tag": tag} if kind is ChangeKind.TAG_DELETED else {"tags": [tag]}
    known = about(Move(tag, DIGEST, DIGEST), repository=Repository(7, 1, True, other))
    return event(kind, path, who, **data)._replace(request=other), known


def said(text: str) -> str:
    """`text` as bodies say it."""
    return text.encode("utf-8", "replace").decode()


def form(value: Any) -> Any:
    """What a document is made of, without what stands in its fields."""
    if isinstance(value, dict):
        return {name: form(each) for name, each in value.items()}
    if isinstance(value, list):
        return [form(each) for each in value]
    return type(value).__name__


@pytest.mark.parametrize("name", sorted(READERS))
@given(kind=st.sampled_from(KINDS), path=TEXTS, tag=TEXTS, who=TEXTS, other=TEXTS)
@settings(max_examples=60, deadline=None)
def test_a_body_has_the_form_that_it_has_for_the_harmless(
    name: str, kind: ChangeKind, path: str, tag: str, who: str, other: str
) -> None:
    make = shape_of(name)
    bodies = [payload.body for payload in make(*happening(kind, path, tag, who, other))]
    for body in bodies:
        understand(name, body)
        assert b"\n" not in body
    harmless = [read(payload) for payload in make(*happening(kind, "team/app", "v1", "user:ann", "nothing"))]
    assert [form(json.loads(body)) for body in bodies] == [form(each) for each in harmless]


@given(path=TEXTS, tag=TEXTS, who=TEXTS, other=TEXTS)
@settings(max_examples=150, deadline=None)
def test_a_header_holds_one_line_of_ascii_and_gives_back_what_was_said(
    path: str, tag: str, who: str, other: str
) -> None:
    (payload,) = shape_of("cloudevents-binary")(*happening(ChangeKind.MANIFEST_PUSHED, path, tag, who, other))
    assert set(payload.headers) <= {
        *("ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time", "ce-subject", "ce-actor", "ce-requestid")
    }
    for value in payload.headers.values():
        assert re.fullmatch(r"[!-~]*", value)
        assert len(value) <= 1024
    assert read(payload)["tags"] == [said(tag)]


@given(kind=st.sampled_from(KINDS), path=TEXTS, tag=TEXTS, who=TEXTS)
@example(ChangeKind.MANIFEST_PUSHED, "team/app", "<!channel>", "user:ann")
@settings(max_examples=150, deadline=None)
def test_nothing_in_a_message_calls_anybody(kind: ChangeKind, path: str, tag: str, who: str) -> None:
    (payload,) = shape_of("slack")(*happening(kind, path, tag, who, "x"))
    text = read(payload)["text"]
    assert not set("<>\n\r") & set(text)
    assert re.sub(r"&(amp|lt|gt);", "", text).count("&") == 0
    outside = re.sub(r"`[^`]*`", "", text)
    assert re.fullmatch(r"[ ,:a-z0-9]*", outside), outside
    assert len(text) < 4_000


def test_a_tag_called_channel_is_written_as_it_is() -> None:
    (payload,) = shape_of("slack")(*happening(ChangeKind.MANIFEST_PUSHED, "team/app", "<!channel>", "user:ann", ""))
    assert read(payload)["text"] == "`team/app` `&lt;!channel&gt;` was pushed by `ann`"


@pytest.mark.parametrize(
    ("happened", "text"),
    [
        (
            event(ChangeKind.ACCESS_UNUSUAL, alert=3, subject="robot:team+ci", text="pulls at night: <!here>\n"),
            "`team/app`: `access.unusual`: `pulls at night: &lt;!here&gt; ` by `ann`",
        ),
        (
            event(ChangeKind.RETENTION_APPLIED, "team", "retention", plan=9, dropped=5, skipped=0, bytes=7),
            "`team`: `retention.applied`, `plan: 9`, `dropped: 5`, `skipped: 0`, `bytes: 7` by `retention`",
        ),
        (
            event(ChangeKind.USER_CREATED, "", id=1, name="bob"),
            "`the installation`: `user.created`, `id: 1`, `name: bob` by `ann`",
        ),
        (event(ChangeKind.CONTENT_DAMAGED, digest=DIGEST), "`team/app` `sha256:a1a1a1a1a1a1` is damaged by `ann`"),
    ],
)
def test_what_has_no_verb_is_said_with_its_text_or_fields(happened: Event, text: str) -> None:
    (payload,) = shape_of("slack")(happened, about())
    assert read(payload)["text"] == text


def test_a_message_names_some_of_many_tags() -> None:
    many = event(ChangeKind.MANIFEST_PUSHED, digest=DIGEST, tags=[f"v{n}" for n in range(40)])
    (payload,) = shape_of("slack")(many, about())
    assert "`v9` and 30 more was pushed by" in read(payload)["text"]


@given(path=TEXTS, tag=TEXTS, who=TEXTS, other=TEXTS)
@settings(max_examples=150, deadline=None)
def test_a_template_gives_back_what_was_said(path: str, tag: str, who: str, other: str) -> None:
    made = template.read(
        '{"a": "by ${actor}!", "b": ${data.note}, "c": ["${tag}", ${tag}], "d": "${tags}", "e": ${data.tags},\n'
        '"${path}": 1, "f": ${data.none}, "g": "${data.none}", "h": ${data}}'
    )
    happened, known = happening(ChangeKind.MANIFEST_PUSHED, path, tag, who, other)
    (payload,) = made(happened, known)
    seen = read(payload)
    most = template.MOST_VALUE
    if path not in "abcdefgh":
        assert seen["a"] == f"by {said(who)[:most]}!"
        assert seen["b"] == said(other)[:most]
        assert seen["c"] == [said(tag)[:most]] * 2
        assert seen["d"] in {json.dumps([said(tag)], separators=(",", ":")), ""} or len(tag) > 1000
        assert (seen["f"], seen["g"]) == (None, "")
    assert said(path or "app")[:most] in seen


@given(tag=TEXTS, who=TEXTS)
@settings(max_examples=100, deadline=None)
def test_a_form_and_plain_text_keep_their_shape(tag: str, who: str) -> None:
    happened = happening(ChangeKind.MANIFEST_PUSHED, "team/app", tag, who, "x")
    (payload,) = template.read("tag=${tag}&by=${actor}", "application/x-www-form-urlencoded")(*happened)
    assert re.fullmatch(rb"tag=[\w.~+%-]*&by=[\w.~+%-]*", payload.body)
    (payload,) = template.read("new: ${tag}\nby ${actor}\n", "text/plain")(*happened)
    assert payload.body.count(b"\n") == 2
    assert b"\x1b" not in payload.body


def test_every_shape_was_tried() -> None:
    assert set(READERS) | {"cloudevents", "cloudevents-binary", "template"} == set(SHAPES)
