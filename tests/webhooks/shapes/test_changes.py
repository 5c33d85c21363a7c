"""What is a push and what a deletion, of every kind of event."""

from dataclasses import replace

import pytest
from tests.webhooks.shapes.events import ALL, DIGEST, OTHER, about, event, pushed

from holdfast.journal.model import ChangeKind
from holdfast.webhooks.shapes.changes import DELETING, PUSHING, Gone, Pushed, asked_for, deletions, pushes
from holdfast.webhooks.shapes.model import MOST_TOLD, Move

PUSHES = {
    "pushed": [Pushed("v1", DIGEST), Pushed("latest", DIGEST)],
    "pushed by digest": [Pushed(None, DIGEST)],
    "moved": [Pushed("v1", DIGEST)],
    "promoted here": [Pushed("v1", DIGEST)],
    "promoted by digest": [Pushed(None, DIGEST)],
    "tag undeleted": [Pushed("v1", DIGEST)],
    "manifest undeleted": [Pushed("v1", DIGEST)],
    "manifest undeleted alone": [Pushed(None, DIGEST)],
    "rolled back": [Pushed("v1", OTHER)],
}
DELETIONS = {
    "rolled back": [Gone("v2", DIGEST)],
    "tag deleted": [Gone("v1", DIGEST)],
    "manifest deleted": [Gone(None, DIGEST), Gone("latest", DIGEST), Gone("v1", DIGEST)],
    "untagged manifest deleted": [Gone(None, DIGEST)],
    "purged here": [Gone(None, DIGEST), Gone("v1", DIGEST)],
}


@pytest.mark.parametrize("name", ALL)
def test_each_event_is_the_pushes_and_deletions_that_the_table_says(name: str) -> None:
    assert list(pushes(*ALL[name])) == PUSHES.get(name, [])
    assert list(deletions(*ALL[name])) == DELETIONS.get(name, [])


@pytest.mark.parametrize("kind", ChangeKind)
def test_a_kind_outside_the_table_is_neither(kind: ChangeKind) -> None:
    happened = event(kind, digest=DIGEST, tags=["v1"], tag="v1", target="team/app:v1")
    told = about(Move("v1", DIGEST, OTHER), Move("v2", DIGEST, None))
    assert bool(pushes(happened, told)) == (kind in PUSHING)
    assert bool(deletions(happened, told)) == (kind in DELETING)


def test_only_the_tags_that_the_webhook_asks_for_are_told() -> None:
    asks = about(wanted=lambda tag: tag.startswith("v"))
    assert list(pushes(pushed("latest", "v1", "edge", "v2"), asks)) == [Pushed("v1", DIGEST), Pushed("v2", DIGEST)]
    assert list(pushes(pushed("latest"), asks)) == []
    assert list(pushes(pushed(), asks)) == [Pushed(None, DIGEST)]


def test_a_tag_whose_digest_is_not_known_any_more_is_told_without() -> None:
    assert list(deletions(event(ChangeKind.TAG_DELETED, tag="v1"), about())) == [Gone("v1", "")]


def test_an_event_of_very_many_tags_is_told_with_some() -> None:
    many = [f"v{n}" for n in range(MOST_TOLD + 50)]
    assert len(pushes(pushed(*many), about())) == MOST_TOLD
    ended = about(*(Move(tag, DIGEST, None) for tag in many))
    gone = deletions(event(ChangeKind.MANIFEST_DELETED, digest=DIGEST), ended)
    assert (len(gone), gone[0]) == (MOST_TOLD, Gone(None, DIGEST))
    asks = about(wanted=lambda tag: tag == many[-1])
    assert list(pushes(pushed(*many), asks)) == [Pushed(many[-1], DIGEST)]


@pytest.mark.parametrize(
    ("name", "glob", "asked"),
    [
        ("rolled back", "v1", True),
        ("rolled back", "v2", True),
        ("rolled back", "v3", False),
        ("manifest deleted", "latest", True),
        ("manifest deleted", "v2", False),
        ("untagged manifest deleted", "v1", False),
        ("pushed by digest", "v1", True),  # whoever matches events has decided that by the event alone
    ],
)
def test_what_an_event_moved_decides_who_asked_for_it(name: str, glob: str, asked: bool) -> None:
    happened, known = ALL[name]
    assert asked_for(happened, replace(known, wanted=lambda tag: tag == glob)) == asked
    assert asked_for(happened, known)
