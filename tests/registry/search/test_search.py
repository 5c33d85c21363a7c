"""Search: what is found, by whom, in which order, and that pages add up."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.registry.details.test_details import built
from tests.registry.house import INDEX, REPO, House, Place, index
from tests.registry.promotion.granted import everything, granted
from tests.registry.promotion.test_promotion import tag_of

from holdfast.access.errors import Invalid
from holdfast.access.model import PathPermit
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.search import narrow, scanning
from holdfast.registry.search.indexing import Indexing
from holdfast.registry.search.model import Hit, Kind, Match, asked
from holdfast.registry.search.service import Results, Search, _sees_all

NARROW = ("administrator **", "deny pull none/**", "deny list none/**")
"""Who may see all that there is, and by another way."""


async def fill(house: House) -> None:
    await Indexing(house.db, house.objects).run()


async def page(
    house: House,
    text: str,
    *kinds: Kind,
    match: Match = Match.PREFIX,
    permit: PathPermit | None = None,
    cursor: str = "",
    limit: int = 100,
    clock: Callable[[], float] = lambda: 0.0,
) -> Results:
    service = Search(house.db, house.settings, clock)
    return await service.find(permit or everything(), asked(text, kinds, match), cursor, limit)


async def find(house: House, text: str, *kinds: Kind, limit: int = 2, **more: object) -> list[Hit]:
    """All hits, by pages; each is found once."""
    hits: list[Hit] = []
    cursor = ""
    for _ in range(1000):
        found = await page(house, text, *kinds, cursor=cursor, limit=limit, **more)  # type: ignore[arg-type]
        hits += found.hits
        cursor = found.next
        if not cursor:
            assert len(set(hits)) == len(hits)
            return hits
    raise AssertionError("the pages do not end")


async def both_ways(house: House, text: str, *kinds: Kind, match: Match = Match.PREFIX) -> set[Hit]:
    """What is found, the same by the way of who may see everything and by that of all others."""
    wide = await find(house, text, *kinds, match=match)
    assert not any(_sees_all(granted(*NARROW), kind) for kind in Kind)
    other = await find(house, text, *kinds, match=match, permit=granted(*NARROW))
    assert set(wide) == set(other)
    return set(wide)


def paths(hits: set[Hit]) -> set[str]:
    return {hit.path for hit in hits}


def test_repositories_by_the_beginning_of_a_part_of_their_name(place: Place) -> None:
    async def scenario(house: House) -> None:
        for repo in ("team/pay/app", "team/application", "shop/app", "other/happy"):
            await house.image("v1", repo=repo)
        await fill(house)
        kind = Kind.REPOSITORY
        assert paths(await both_ways(house, "app", kind)) == {"team/pay/app", "team/application", "shop/app"}
        assert paths(await both_ways(house, "pay/a", kind)) == {"team/pay/app"}
        assert paths(await both_ways(house, "TEAM/", kind)) == {"team/pay/app", "team/application"}
        assert paths(await both_ways(house, "app", kind, match=Match.EXACT)) == {"team/pay/app", "shop/app"}
        assert paths(await both_ways(house, "pp", kind, match=Match.SUBSTRING)) == {
            "team/pay/app",
            "team/application",
            "shop/app",
            "other/happy",
        }
        assert await both_ways(house, "nothing", kind) == set()

    place.run(scenario)


def test_tags_in_every_repository(place: Place) -> None:
    async def scenario(house: House) -> None:
        one = await house.image("v1.2", "v1.3", "latest", repo="a/app")
        await house.image("v1.2", "V1.9", name="other", repo="b/app")
        found = await both_ways(house, "v1.", Kind.TAG)
        assert {(hit.path, hit.tag) for hit in found} == {("a/app", "v1.2"), ("a/app", "v1.3"), ("b/app", "v1.2")}
        assert {hit.digest for hit in found if hit.path == "a/app"} == {Digest.of(one)}
        assert paths(await both_ways(house, "latest", Kind.TAG, match=Match.EXACT)) == {"a/app"}
        assert len(await both_ways(house, "1.", Kind.TAG, match=Match.SUBSTRING)) == 4
        assert {hit.tag for hit in await both_ways(house, "b/app:v1")} == {"v1.2"}
        assert paths(await both_ways(house, "registry.example:5000/a/app:v1.2")) == {"a/app"}
        assert paths(await both_ways(house, "app:v1.2")) == {"a/app", "b/app"}
        await house.deletion.tag(house.may_delete("a/app"), Tag("v1.2"))
        assert paths(await both_ways(house, "v1.2", Kind.TAG)) == {"b/app"}

    place.run(scenario)


def test_digests_by_seven_digits(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", repo="a/app")
        layer = Digest.of(b"layer of app")
        await house.image("v1", repo="b/app")
        digest = Digest.of(data)
        for text in (digest, digest[:15], digest[7:14], digest[7:].upper()):
            assert paths(await both_ways(house, text, Kind.DIGEST)) == {"a/app", "b/app"}
        assert paths(await both_ways(house, f"a/app@{digest}")) == {"a/app"}
        assert {hit.text for hit in await both_ways(house, layer[7:20])} == {"blob"}
        assert await both_ways(house, digest[7:13], Kind.DIGEST) == set(), "six digits are too few"
        await house.deletion.manifest(house.may_delete("a/app"), digest)
        assert paths(await both_ways(house, digest, Kind.DIGEST)) == {"b/app"}

    place.run(scenario)


def test_what_manifests_say(place: Place) -> None:
    async def scenario(house: House) -> None:
        labels = {"Labels": {"Maintainer": "The Ünits", "empty": ""}}
        data = await built(house, "v1", config=labels, annotations={"org.example.Source": "https://git.example/App"})
        chart = json.loads(index(artifactType="application/vnd.example.Chart+json"))
        await house.manifest(json.dumps(chart).encode(), "chart")
        await house.blob(b"\xff\xfe broken")
        await house.manifest(json.dumps(json.loads(data) | {"config": {**json.loads(data)["config"]}}).encode(), "same")
        await fill(house)
        digest = Digest.of(data)
        for text, kind in (
            ("maintainer=the", Kind.LABEL),
            ("THE ÜNITS", Kind.LABEL),
            ("empty=", Kind.LABEL),
            ("org.example.source=", Kind.ANNOTATION),
            ("https://git.example/app", Kind.ANNOTATION),
            ("application/vnd.oci.image.manifest", Kind.TYPE),
        ):
            found = await both_ways(house, text, kind)
            assert digest in {hit.digest for hit in found}, text
        (said,) = await both_ways(house, "org.example.source=https://git.example/app", match=Match.EXACT)
        assert said.text == "org.example.Source=https://git.example/App"
        (one,) = await both_ways(house, "application/vnd.example.chart", Kind.TYPE)
        assert one.text == "application/vnd.example.Chart+json"
        assert len(await both_ways(house, "git.example", Kind.ANNOTATION, match=Match.SUBSTRING)) >= 1
        await house.deletion.manifest(house.may_delete(), digest)
        assert await both_ways(house, "maintainer=the", Kind.LABEL) == set()

    place.run(scenario)


def test_labels_of_namespaces(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1", repo="team/app")
        for path, name, value in (("team", "owner", "Platform"), ("team/app", "tier", "one"), ("other", "owner", "X")):
            house.sql("insert into label (path, name, value) values (?, ?, ?)", path, name, value)
        assert paths(await both_ways(house, "owner=", Kind.LABEL)) == {"team", "other"}
        assert paths(await both_ways(house, "platform", Kind.LABEL)) == {"team"}
        assert paths(set(await find(house, "owner", Kind.LABEL, permit=granted("reader team/**")))) == {"team"}

    place.run(scenario)


def test_namespaces_that_nothing_is_in(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1", repo="team/app")
        for path in ("team/later", "deep/la_ter", "team/app", "team/app@7", "plan"):
            house.sql("insert into namespace (path, description, made_at, made_by) values (?, '', 1, 'x')", path)
        search = Search(house.db, house.settings)

        async def those(text: str, permit: PathPermit | None = None, limit: int = 5) -> list[str]:
            return await search.namespaces(permit or everything(), text, limit)

        assert await those("la") == ["deep/la_ter", "team/later"]
        assert await those("LA") == ["deep/la_ter", "team/later"]
        assert await those("la", limit=1) == ["deep/la_ter"]
        assert await those("la_t") == ["deep/la_ter"]
        assert await those("team/l") == ["team/later"]
        assert await those("deep") == ["deep", "deep/la_ter"]
        for text in ("app", "ter", "%", "\\", "/", "l%r", "nowhere"):
            assert await those(text) == [], text
        assert await those("la", granted("reader team/**")) == ["team/later"]
        assert await those("pl", granted("reader team/**")) == []
        assert await those("la") == ["deep/la_ter", "team/later"]

    place.run(scenario)


def test_nobody_finds_what_he_may_not_see(place: Place) -> None:
    async def scenario(house: House) -> None:
        for repo in ("team/app", "hidden/app", "team/secret"):
            await built(house, "v1", "x1", repo=repo, config={"Labels": {"who": repo}})
        await fill(house)
        digest = Digest.of(b"made")
        reader = granted("reader team/**", "deny pull team/secret", "deny list team/secret")
        for text in ("app", "v1", "who=", digest, "application/vnd.oci.image.manifest"):
            for match in Match:
                assert paths(set(await find(house, text, match=match, permit=reader))) <= {"team/app"}, text
        assert paths(set(await find(house, "app", permit=reader))) == {"team/app"}
        assert await find(house, "app", permit=granted()) == []
        lister = granted("auditor **")
        assert paths(set(await find(house, "v1", permit=lister))) == {"team/app", "hidden/app", "team/secret"}
        for text in ("who=", digest, "application/vnd.oci"):
            assert await find(house, text, permit=lister) == [], "who may list may not see what is inside"

    place.run(scenario)


def test_rights_on_tags_are_kept(place: Place) -> None:
    async def scenario(house: House) -> None:
        shown = await built(house, "dev-1", config={"Labels": {"of": "dev"}}, annotations={"of": "dev"})
        child = await built(house, config={"Labels": {"of": "child"}}, layers=(b"child",))
        await house.manifest(index(child), "dev-2")
        signature = index(subject=child, artifactType="application/vnd.example.sig", annotations={"of": "signature"})
        await house.manifest(signature)
        hidden = await built(house, "prod-1", config={"Labels": {"of": "prod"}}, layers=(b"prod",))
        await house.image(tag_of(hidden), name="cosign")
        await fill(house)
        some = granted("reader team/**:dev-*")
        assert {hit.tag for hit in await find(house, "d", Kind.TAG, permit=some)} == {"dev-1", "dev-2"}
        assert await find(house, "prod", permit=some) == []
        assert await find(house, "sha256-", Kind.TAG, permit=some) == []
        found = await find(house, "of=", permit=some)
        assert {(hit.text, hit.digest) for hit in found} == {
            ("of=dev", Digest.of(shown)),
            ("of=child", Digest.of(child)),
            ("of=signature", Digest.of(signature)),
        }
        assert await find(house, Digest.of(b"prod"), permit=some) == []
        assert len(await find(house, Digest.of(b"child"), permit=some)) == 1

    place.run(scenario)


def test_pages_add_up_and_end_in_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that is always late: each page is short, none is missing, and nothing hidden is in a cursor."""

    async def scenario(house: House) -> None:
        monkeypatch.setattr(scanning, "LEAST_CHUNK", 3)
        monkeypatch.setattr(scanning, "CHUNK", 3)
        monkeypatch.setattr(narrow, "_REPOSITORIES", 3)
        monkeypatch.setattr(narrow, "_ROWS", 3)
        for number in range(7):
            tags = [f"t{number}-{each}" for each in range(7)]
            await built(house, *tags, repo=f"team/{number}", config={"Labels": {"n": "same"}})
            await house.image("t-secret", repo=f"secret/{number}")
        await fill(house)
        time = iter(range(1_000_000))
        for permit in (everything(), granted("reader team/**"), granted("reader team/**:t*", "writer team/3")):
            for text, count in (("t", 49), ("-6", 7), ("n=same", 7), ("team", 7)):
                kinds = {"t": (Kind.TAG,), "-6": (Kind.TAG,), "team": (Kind.REPOSITORY,)}.get(text, (Kind.LABEL,))
                match = Match.SUBSTRING if text == "-6" else Match.PREFIX
                hits, cursor, pages = set[Hit](), "", 0
                while True:
                    found = await page(
                        house,
                        text,
                        *kinds,
                        match=match,
                        permit=permit,
                        cursor=cursor,
                        limit=5,
                        clock=lambda: float(next(time)),
                    )
                    hits |= {hit._replace(tag=None) if text == "n=same" else hit for hit in found.hits}
                    cursor, pages = found.next, pages + 1
                    if permit.rights.grants[0].role != "administrator":
                        assert "secret" not in cursor
                    if not cursor:
                        break
                wanted = {hit for hit in hits if hit.path.startswith("team")}
                assert len(wanted) == count, (text, permit.rights)
                assert pages > 1

    place.run(scenario)


def test_what_is_no_search_is_refused(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1")
        for text in ("", " ", "x" * 257, "a\x00b", "a\nb"):
            with pytest.raises(Invalid):
                asked(text, (), Match.PREFIX)
        for cursor in (
            "x",
            "[]",
            "1",
            '["tag"]',
            '["tag","z"]',
            '["none","w"]',
            '["tag","w",null]',
            '["digest","w",1]',
        ):
            with pytest.raises(Invalid):
                await page(house, "v", Kind.TAG, cursor=cursor)
        assert (await page(house, "v", Kind.TAG, cursor='["tag","n"]')).hits, "another way begins again"

    place.run(scenario)


def test_filling_goes_on_where_it_was_and_misses_nothing(place: Place) -> None:
    async def scenario(house: House) -> None:
        await built(house, "v1", config={"Labels": {"n": "1"}})
        first = await Indexing(house.db, house.objects).run()
        assert (first.repositories, first.manifests) == (1, 1)
        assert await Indexing(house.db, house.objects).run() == (0, 0)
        house.clock.move(-1_000_000_000)
        await built(house, "v1", config={"Labels": {"n": "2"}}, repo="late/app")
        second = await Indexing(house.db, house.objects).run()
        assert second.repositories == 1
        await Indexing(house.db, house.objects).again()
        await fill(house)
        assert paths(await both_ways(house, "n=", Kind.LABEL)) == {REPO, "late/app"}
        house.sql("update content set state = 1 where digest = ?", Digest.of(b"made"))
        house.sql("delete from search_term")
        await Indexing(house.db, house.objects).again()
        await fill(house)
        assert paths(await both_ways(house, "n=", Kind.LABEL)) == {REPO, "late/app"}
        assert INDEX not in {hit.text for hit in await both_ways(house, "application/", Kind.TYPE)}

    place.run(scenario)
