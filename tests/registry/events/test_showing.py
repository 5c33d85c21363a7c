"""Who is told of which event, and of what in it; every kind of change has its place in the table."""

from __future__ import annotations

import pytest
from tests.registry.paths import may_manage

from holdfast.journal.model import ChangeKind
from holdfast.registry.events.kinds import Sight, sight_of
from holdfast.registry.events.model import Event, cloud_event
from holdfast.registry.events.showing import Eyes

DIGEST, OTHER = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
SIGNATURE = "sha256-" + "ab" * 32 + ".sig"
WHO = ("user:dora", "r1")


def event(kind: str, path: str = "team/app", **data: object) -> Event:
    return Event(7, kind, path, 1_800_000_000_000_000, *WHO, data, {"address": "192.0.2.7", "agent": "x"})


def seen(what: Event, *grants: str, public: dict[str, bool] | None = None) -> Event | None:
    return Eyes(may_manage("", *(grants or ("reader nowhere/**",)), public=public)).seen(what)


PUSHED = event("manifest.pushed", digest=DIGEST, tags=["dev-1", "prod-1", SIGNATURE])


def test_who_may_list_sees_images_and_not_who_pushed_them() -> None:
    found = seen(PUSHED, "reader team/**")
    assert found is not None
    assert found.data == PUSHED.data
    assert (found.actor, found.request, found.origin) == ("", "", {})
    told = cloud_event(found, "https://r", with_origin=True)
    assert not told.keys() & {"actor", "requestid", "address", "agent", "credential"}


@pytest.mark.parametrize("grant", ["writer team/**", "maintainer team/app"])
def test_who_may_change_tags_sees_who_did(grant: str) -> None:
    found = seen(PUSHED, grant)
    assert found is not None
    assert ((found.actor, found.request), found.origin) == (WHO, {})


@pytest.mark.parametrize("grant", ["owner team/**", "auditor team/app", "administrator **", "auditor **"])
def test_auditors_see_all_of_it(grant: str) -> None:
    assert seen(PUSHED, grant) == PUSHED
    told = cloud_event(PUSHED, "https://r", with_origin=True)
    assert (told["address"], told["agent"]) == ("192.0.2.7", "x")


def test_who_may_pull_some_tags_is_told_of_these_alone() -> None:
    found = seen(PUSHED, "reader team/**:dev-*")
    assert found is not None
    assert found.data == {"digest": DIGEST, "tags": ["dev-1"]}
    assert seen(event("tag.deleted", tag="prod-1"), "reader team/**:dev-*") is None
    assert seen(event("tag.deleted", tag="dev-1", plan=3), "reader team/**:dev-*").data == {"tag": "dev-1"}  # type: ignore[union-attr]
    for hidden in (
        event("manifest.pushed", digest=DIGEST, tags=[]),
        event("manifest.pushed", digest=DIGEST, tags=["prod-1", SIGNATURE]),
        event("manifest.deleted", digest=DIGEST),
        event("blob.deleted", digest=DIGEST),
        event("rollback.applied", target="team/app", moved=2),
    ):
        assert seen(hidden, "reader team/**:dev-*") is None, hidden
        assert seen(hidden, "reader team/**") is not None, hidden


def test_a_rollback_is_told_by_the_tags_that_may_be_told() -> None:
    moves = [{"tag": "dev-1", "was": DIGEST, "now": OTHER}, {"tag": "prod-1", "was": OTHER, "now": None}]
    rolled = event("rollback.applied", target="team/app", tags="*", moved=1, deleted=1, moves=moves)
    assert rolled.tags == ("dev-1", "prod-1")
    found = seen(rolled, "reader team/**:dev-*")
    assert found is not None
    assert found.data == {"moves": moves[:1]}


def test_nobody_sees_what_is_hidden() -> None:
    for kind in ChangeKind:
        for path in ("team/app", "team", ""):
            assert seen(event(kind, path, digest=DIGEST, tags=["v1"], tag="v1")) is None, (kind, path)


def test_a_public_repository_is_told_to_whoever_asks() -> None:
    assert seen(PUSHED, public={"team": True}) is not None
    assert seen(event("key.created"), public={"team": True}) is None


def test_what_is_not_in_the_table_is_for_auditors() -> None:
    """A kind that is added is told to nobody by oversight."""
    assert sight_of("something.new") is Sight.AUDIT
    for kind in ("key.created", "grant.added", "login.failed", "access.denied", "user.created", "visibility.changed"):
        assert sight_of(kind) is Sight.AUDIT
        assert seen(event(kind), "maintainer team/**") is None
        assert seen(event(kind), "auditor team/**") is not None
    assert sight_of("tag.moved") is not Sight.AUDIT
    assert sight_of("collection.finished") is Sight.RUNNING


def test_the_work_of_the_installation_is_for_who_operates_it() -> None:
    for kind in ("collection.finished", "content.damaged", "backup.made"):
        assert seen(event(kind, ""), "operator **") is not None
        assert seen(event(kind, ""), "maintainer **") is None
        assert seen(event(kind, ""), "auditor **") is not None


def test_figures_of_all_below_a_path_are_for_who_may_know_all_of_it() -> None:
    warned = event("quota.warned", "team", used=7, repository="team/app")
    assert seen(warned, "reader team/**") is not None
    assert seen(warned, "reader team/app") is None
    assert seen(warned, "reader team/**", "deny:list team/secret", "deny:pull team/secret") is None


def test_what_a_repository_held_is_for_who_may_be_told_of_all_of_it() -> None:
    gone = event("repository.deleted", repository="team/app", id=3, tags=7, bytes=9)
    assert seen(gone, "reader team/**").data == gone.data  # type: ignore[union-attr]
    assert seen(gone, "reader team/**:dev-*").data == {"repository": "team/app", "id": 3}  # type: ignore[union-attr]


def promoted(path: str) -> Event:
    data = {"digest": DIGEST, "source": "team/app:dev-1", "target": "prod/app:v1", "tags": ["v1", "v1-extra"]}
    return event("image.promoted", path, **data, manifests=1, blobs=2)


def test_a_promotion_says_nothing_of_the_repository_that_is_hidden() -> None:
    at_source, at_target = promoted("team/app"), promoted("prod/app")
    assert (at_source.tags, at_target.tags) == (("dev-1",), ("v1", "v1-extra"))
    source = seen(at_source, "reader team/**")
    assert source is not None
    assert source.data == {"digest": DIGEST, "source": "team/app:dev-1", "manifests": 1, "blobs": 2}
    assert source.tags == ("dev-1",)
    target = seen(at_target, "reader prod/**")
    assert target is not None
    assert target.data["tags"] == ["v1", "v1-extra"]
    assert "source" not in target.data
    some = seen(at_target, "reader prod/**:v1", "reader team/**")
    assert some is not None
    assert some.data == {"digest": DIGEST, "source": "team/app:dev-1", "target": "prod/app:v1", "tags": ["v1"]}
    assert seen(at_source, "reader prod/**") is None


def test_a_purge_says_nothing_of_other_repositories() -> None:
    purged = event(
        "content.purged", digest=DIGEST, reason="leak", repository="team/app", repositories=4, tags=2, size=9
    )
    found = seen(purged, "reader team/**")
    assert found is not None
    assert not found.data.keys() & {"repositories", "repository", "size"}
