"""The tree of paths: what is listed to whom, in pages that miss nothing and say nothing twice; descriptions, labels."""

from __future__ import annotations

import random

import pytest
from tests.registry.house import House, Place
from tests.registry.paths import may_manage, rights_of

from holdfast.access.errors import Conflict, Denied, Invalid, Unknown
from holdfast.access.policy.model import ANYWHERE
from holdfast.registry.errors import RepositoryUnknown
from holdfast.registry.namespaces.repositories import Filter, Repositories
from holdfast.registry.namespaces.saying import MOST_LABELS, Saying
from holdfast.registry.namespaces.service import Namespaces

SEGMENTS = ("a", "a-b", "a.b", "a-b.c", "b", "a0", "a--b")
GRANTS = (
    (),
    ("reader a/**",),
    ("reader a-b/**", "reader b/a"),
    ("reader */a",),
    ("reader **", "deny:list a/**", "deny:pull a/**"),
    ("writer a/**:x*", "owner a-b/a/**"),
)


async def walk(house: House, path: str, grants: tuple[str, ...], limit: int) -> list[str]:
    """The namespaces below a path, page by page."""
    found: list[str] = []
    while True:
        after = found[-1] if found else ""
        page = await Namespaces(house.db).list(may_manage(path, *grants), after, limit)
        found += [each.path for each in page]
        if len(page) < limit:
            return found


async def walk_repositories(house: House, path: str, grants: tuple[str, ...], limit: int) -> list[str]:
    found: list[str] = []
    while True:
        page = await Repositories(house.db).list(may_manage(path, *grants), Filter(), found[-1] if found else "", limit)
        found += [each.name for each in page]
        if len(page) < limit:
            return found


def seen(name: str, grants: tuple[str, ...]) -> bool:
    return not grants or rights_of(*grants).shown(ANYWHERE).shows(name)


@pytest.mark.parametrize("seed", range(4))
def test_lists_are_what_is_there_and_in_sight(place: Place, seed: int) -> None:
    chance = random.Random(seed)

    async def scenario(house: House) -> None:
        names = {"/".join(chance.choices(SEGMENTS, k=chance.randint(1, 3))) for _ in range(40)}
        made = {"/".join(chance.choices(SEGMENTS, k=chance.randint(1, 2))) for _ in range(12)}
        for name in sorted(names):
            house.sql("insert into repository (path, born, seq, last_at) values (?, 1, 1, 1)", name)
        for path in sorted(made):
            await Namespaces(house.db).create(may_manage(path), Saying())
        for grants in GRANTS:
            for parent in ("", "a", "a-b", "b/a", "nowhere"):
                start = parent + "/" if parent else ""
                wanted = {
                    name[: name.index("/", len(start))]
                    for name in names
                    if name.startswith(start) and "/" in name[len(start) :] and seen(name, grants)
                }
                for path in made:
                    if path.startswith(start) and path != parent and _told(path, grants):
                        child = start + path[len(start) :].partition("/")[0]
                        if path != child or path not in names:
                            wanted.add(child)
                expected = sorted(wanted, key=lambda path: path + "/")
                for limit in (1, 2, 50):
                    assert await walk(house, parent, grants, limit) == expected, (parent, grants, limit)
                below = [n for n in names if (n == parent or n.startswith(start)) and seen(n, grants)]
                for limit in (1, 3, 50):
                    found = await walk_repositories(house, parent, grants, limit)
                    assert sorted(found) == sorted(below), (parent, grants, limit)

    place.run(scenario)


def _told(path: str, grants: tuple[str, ...]) -> bool:
    """Whether a namespace without repositories is in sight."""
    permit = may_manage(path, *grants)
    return permit.shows(path) or not permit.lacks("settings", path)  # type: ignore[arg-type]


def test_what_is_said_of_paths(place: Place) -> None:
    async def scenario(house: House) -> None:
        spaces, repositories = Namespaces(house.db), Repositories(house.db)
        made = await spaces.create(may_manage("team"), Saying("# Team\n\nAll.", {"tier": "1", "at": "x"}))
        assert (made.facts.labels, made.facts.made_by) == ((("at", "x"), ("tier", "1")), "user:ann")
        with pytest.raises(Conflict):
            await spaces.create(may_manage("team"), Saying())
        await repositories.create(may_manage("team/app"), Saying(labels={"tier": "1"}))
        with pytest.raises(Conflict, match="already"):
            await repositories.create(may_manage("team/app"), Saying())
        await spaces.say(may_manage("team"), Saying(labels={"at": "y"}, without=("tier",)))
        shown = await spaces.show(may_manage("team"))
        assert (shown.facts.description, shown.facts.labels) == ("# Team\n\nAll.", (("at", "y"),))
        assert (shown.repositories, shown.tags, shown.bytes) == (1, 0, 0)
        found = await repositories.list(may_manage(""), Filter(("tier", "1")), "", 10)
        assert [each.name for each in found] == ["team/app"]
        assert await repositories.list(may_manage("other"), Filter(("tier", "1")), "", 10) == []
        assert (await house.listing.tags(house.may_pull("team/app"), "", None)).names == []
        assert (await house.listing.catalog(house.may_list(), "", None)).names == ["team/app"]
        before = house.journal()
        await spaces.say(may_manage("team"), Saying())
        assert (
            house.journal()
            == before
            == [
                "namespace.created",
                "repository.created",
                "namespace.changed",
            ]
        )

    place.run(scenario)


@pytest.mark.parametrize(
    "saying",
    [
        Saying("x" * 65537),
        Saying("a\x00b"),
        Saying("a\x1b[31mb"),
        Saying(labels={"Tier": "1"}),
        Saying(labels={"": "1"}),
        Saying(labels={"a" * 64: "1"}),
        Saying(labels={"a": "x\ny"}),
        Saying(labels={"a": "x" * 257}),
        Saying(without=("-",)),
        Saying(labels={f"n{number}": "" for number in range(MOST_LABELS + 1)}),
    ],
)
def test_what_cannot_be_said(place: Place, saying: Saying) -> None:
    async def scenario(house: House) -> None:
        with pytest.raises(Invalid):
            await Namespaces(house.db).create(may_manage("team"), saying)
        with pytest.raises(Invalid):
            await Repositories(house.db).create(may_manage("team/app"), saying)
        assert house.sql("select path from namespace") == []

    place.run(scenario)


def test_labels_are_bounded_together(place: Place) -> None:
    async def scenario(house: House) -> None:
        half = MOST_LABELS // 2 + 1
        await Namespaces(house.db).create(may_manage("team"), Saying(labels={f"a{n}": "" for n in range(half)}))
        with pytest.raises(Invalid):
            await Namespaces(house.db).say(may_manage("team"), Saying(labels={f"b{n}": "" for n in range(half)}))
        assert house.sql("select count(*) from label") == [half]

    place.run(scenario)


def test_rights_decide(place: Place) -> None:
    async def scenario(house: House) -> None:
        spaces, repositories = Namespaces(house.db), Repositories(house.db)
        await repositories.create(may_manage("team/app"), Saying())
        await repositories.create(may_manage("team/new", "writer team/**"), Saying())
        for call, error in (
            (repositories.create(may_manage("team/x", "reader team/**"), Saying()), Denied),
            (repositories.create(may_manage("team/x", "writer team/**"), Saying("said")), Denied),
            (repositories.say(may_manage("team/app", "writer team/**"), Saying("said")), Denied),
            (repositories.say(may_manage("team/app", "owner other/**"), Saying("said")), RepositoryUnknown),
            (repositories.show(may_manage("team/app", "owner other/**")), RepositoryUnknown),
            (repositories.show(may_manage("team/none")), RepositoryUnknown),
            (spaces.create(may_manage("team/x", "writer **"), Saying()), Denied),
            (spaces.say(may_manage("team", "writer team/**"), Saying("said")), Denied),
            (spaces.say(may_manage("team", "maintainer team/app"), Saying("said")), Denied),
            (spaces.say(may_manage("team", "owner other/**"), Saying("said")), Unknown),
            (spaces.show(may_manage("team", "owner other/**")), Unknown),
            (spaces.show(may_manage("nowhere")), Unknown),
        ):
            with pytest.raises(error):
                await call
        some = await spaces.show(may_manage("team", "reader team/app"))
        assert (some.repositories, some.bytes) == (None, None), "figures of all of it are for who may see all of it"
        whole = await spaces.show(may_manage("team", "reader team/**"))
        assert whole.repositories == 2

    place.run(scenario)
