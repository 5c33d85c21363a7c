"""What `why` says of every subject, action, repository and tag is what the table says, and what a request is answered:
the engine that decides is the one that explains."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from tests.security.matrix.roles import ABOUT_TAGS, ACTIONS, may
from tests.security.matrix.subjects import OPEN, SUBJECTS, Subject
from tests.security.matrix.world import World, world
from tests.serving import running_server

_SYSTEM = ("operate", "administer")
_ACCOUNTS = [each for each in SUBJECTS if each.way in ("none", "password", "group", "robot")]
"""Subjects whose rights are their own: a key's limits, and whether a secret is good, are no matter of `why`."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_server(tmp_path_factory.mktemp("matrix")) as server, world(server) as made:
        yield made


def called(subject: Subject) -> str:
    if subject.way == "none":
        return "anonymous"
    return f"robot:team+{subject.name}" if subject.way == "robot" else f"user:{subject.name}"


@pytest.mark.parametrize("subject", [pytest.param(each, id=each.name) for each in _ACCOUNTS])
def test_why_says_what_the_table_says(place: World, subject: Subject) -> None:
    red = []
    for action in sorted(ACTIONS.difference(_SYSTEM)):
        for repository in ("team/app", "other/app", "open/app", "nowhere"):
            for tag in ("dev-1", "prod-1") if action in ABOUT_TAGS else ("",):
                asked = f"why?subject={quote(called(subject))}&action={action}&repository={repository}"
                told = place.api(200, "GET", f"{asked}&tag={tag}" if tag else asked).json
                if told["allowed"] != may((*subject.rules, OPEN), action, repository, tag):
                    red.append(f"{action} on {repository}:{tag}: {told['allowed']}, {told['reason']}")
                if told["allowed"] == bool(told["remedy"]):
                    red.append(f"{action} on {repository}:{tag}: remedy {told['remedy']!r}")
    assert not red, "\n".join(red)
