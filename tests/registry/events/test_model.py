"""Rows of the journal as events, and events as CloudEvents."""

from __future__ import annotations

import json

from holdfast.journal.chain import SealedRow
from holdfast.registry.events.model import cloud_event, event_of

AT = 1_800_000_000_000_001


def row(kind: str, path: str | None, data: dict[str, object], origin: str | None = None) -> SealedRow:
    return SealedRow(17, 99, 3, 5, AT, "user:alice", "r1", kind, json.dumps(data), origin, path)


def test_a_push_under_one_tag_is_about_that_tag() -> None:
    event = event_of(
        row("manifest.pushed", "shop/web", {"digest": "sha256:ab", "tags": ["v1"]}, '{"address":"192.0.2.7"}')
    )
    assert (event.tags, event.digest, event.origin) == (("v1",), "sha256:ab", {"address": "192.0.2.7"})
    told = cloud_event(event, "https://registry.example")
    assert told == {
        "specversion": "1.0",
        "id": "17",
        "source": "https://registry.example",
        "type": "holdfast.manifest.pushed",
        "subject": "shop/web:v1",
        "time": "2027-01-15T08:00:00.000001Z",
        "datacontenttype": "application/json",
        "actor": "user:alice",
        "requestid": "r1",
        "data": {"path": "shop/web", "digest": "sha256:ab", "tags": ["v1"]},
    }
    assert "192.0.2.7" not in json.dumps(told), "where a request came from is for auditors"


def test_the_subject_says_no_more_than_the_event() -> None:
    many = event_of(row("manifest.pushed", "shop/web", {"digest": "sha256:ab", "tags": ["v1", "v2"]}))
    assert cloud_event(many, "s")["subject"] == "shop/web@sha256:ab"
    assert cloud_event(event_of(row("tag.deleted", "shop/web", {"tag": "v1"})), "s")["subject"] == "shop/web:v1"
    whole = event_of(row("role.created", None, {"role": "x"}))
    assert (whole.tags, whole.digest) == ((), "")
    assert "subject" not in cloud_event(whole, "s"), "an empty subject is none (CloudEvents 1.0, subject)"
