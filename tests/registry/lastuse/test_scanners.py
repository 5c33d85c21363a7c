"""What scanners pull is used by that or not, as settings say; without any it is, unless nobody can give that name."""

from __future__ import annotations

import pytest
from tests.registry.house import REPO, House, Place

from holdfast.access.errors import Invalid
from holdfast.oci.digest import Digest
from holdfast.registry.lastuse.classes import KINDS
from holdfast.registry.lastuse.service import LastUse

CLASSES, USE = KINDS
SCAN, CI = "robot:security+scan", "robot:team+ci"


@pytest.mark.parametrize(
    ("settings", "ignored"),
    [
        ([], set()),
        ([("", "use-by-scanners", "ignored")], {"t2", "t4"}),
        ([("", "subject-classes", "scanner=robot:security+*")], {"t3", "t4"}),
        ([("team", "subject-classes", "scanner=robot:security+*"), (REPO, "use-by-scanners", "counts")], set()),
        ([("", "subject-classes", "scanner=agent:own*"), ("", "use-by-scanners", "ignored")], {"t2", "t4", "t5"}),
        ([("team", "subject-classes", "mirror=robot:security+*")], set()),
        ([("other", "subject-classes", "scanner=robot:*")], set()),
        ([("team", "subject-classes", "robot=agent:trivy"), ("", "use-by-scanners", "ignored")], {"t4"}),
    ],
)
def test_what_is_used(place: Place, settings: list[tuple[str, str, str]], ignored: set[str]) -> None:
    async def scenario(house: House) -> None:
        tags = [f"t{n}" for n in range(1, 6)]
        digest = Digest.of(await house.image(*tags))
        for path, name, value in settings:
            house.sql("insert into setting (path, name, value) values (?, ?, ?)", path, name, value)
        last = LastUse(house.db)
        await last.begin()
        last.pulled(REPO, "t1", digest, CI, "containerd/1.7")
        last.pulled(REPO, "t2", digest, CI, "trivy/0.60")
        last.pulled(REPO, "t3", digest, SCAN, "containerd/1.7")
        last.pulled(REPO, "t4", digest, SCAN, "grype")
        last.pulled(REPO, "t5", digest, CI, "own-scanner/1")
        await last.flush()
        found = set(house.sql("select name from tag_use"))
        assert found == set(tags) - ignored

    place.run(scenario)


def test_settings_hold_from_the_next_flush_on(place: Place) -> None:
    async def scenario(house: House) -> None:
        digest = Digest.of(await house.image("v1"))
        last = LastUse(house.db)
        await last.begin()
        house.sql("insert into setting (path, name, value) values ('', 'use-by-scanners', 'ignored')")
        await last.flush()
        last.pulled(REPO, "v1", digest, CI, "trivy")
        await last.flush()
        assert house.sql("select name from tag_use") == []

    place.run(scenario)


def test_how_the_settings_are_written() -> None:
    said = " Scanner = robot:security+*,mirror=agent:Copier , "
    assert CLASSES.read(said) == "scanner=robot:security+*,mirror=agent:copier"
    assert (CLASSES.read("none"), CLASSES.write("")) == ("", "none")
    assert USE.read(" Ignored ") == "ignored"
    for wrong in ("scanner", "scanner=alice", "anonymous=user:a", "robot=robot:", "scanner=robot:a b", "x=user:a"):
        with pytest.raises(Invalid):
            CLASSES.read(wrong)
    with pytest.raises(Invalid, match="at most 64"):
        CLASSES.read(",".join(["scanner=user:a"] * 65))
    with pytest.raises(Invalid):
        USE.read("never")
