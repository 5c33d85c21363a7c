"""The table of tags: every order, both ways, every filter, complete while others write; and only what may be told."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import pytest
from tests.registry.house import START, House, Place, image, index

from holdfast.access.errors import Denied, Invalid
from holdfast.access.model import UNCHECKED, PathPermit, Subject
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import Action, Circumstances, Effect, Grant, Grantee, GranteeKind
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.oci.name import RepositoryName
from holdfast.oci.version import version_key
from holdfast.registry.browsing import tags as browsing
from holdfast.registry.browsing.model import PATIENCE, TagFilter, TagLine, TagLines, TagSort, place_at
from holdfast.registry.browsing.model import Place as At
from holdfast.registry.browsing.shelving import Shelving
from holdfast.registry.browsing.tags import TagTable
from holdfast.registry.errors import RepositoryUnknown
from holdfast.registry.lastuse.service import LastUse

REPO = RepositoryName("team/app")
ALL = TagFilter()
SECOND = 1_000_000
SIG = "application/vnd.dev.cosign.artifact.sig.v1+json"


def may(house: House, rights: Rights = Rights.EVERYTHING) -> PathPermit:
    return PathPermit(house.who, REPO, UNCHECKED, Origin("test"), rights, Circumstances("", START))


def some(*tags: str) -> Rights:
    """The rights to pull some tags."""
    who = Grantee(GranteeKind.ACCOUNT, 3, "user:ann")
    grants = [
        Grant(n, Effect.ALLOW, who, "reader", frozenset({Action.PULL}), REPO, tag) for n, tag in enumerate(tags, 1)
    ]
    return Rights("user:ann", grants, {})


async def page(house: House, at: At, wanted: TagFilter = ALL, rights: Rights = Rights.EVERYTHING) -> TagLines:
    return await TagTable(house.db, house.objects).page(may(house, rights), REPO, wanted, at)


async def names(
    house: House,
    at: At,
    wanted: TagFilter = ALL,
    rights: Rights = Rights.EVERYTHING,
    between: Callable[[], object] | None = None,
) -> list[str]:
    """All names from the first page on; and the same, backwards from the end."""
    found: list[str] = []
    while True:
        lines = (await page(house, at, wanted, rights)).found
        assert len(lines.lines) <= at.limit
        found += [line.name for line in lines.lines]
        if lines.next is None:
            break
        at = at._replace(after=lines.next)
        if between is not None:
            await between()  # type: ignore[misc]
    back: list[str] = [line.name for line in lines.lines]
    while lines.previous is not None:
        at = at._replace(after="", before=lines.previous)
        lines = (await page(house, at, wanted, rights)).found
        back = [line.name for line in lines.lines] + back
    if between is None:
        assert back == found
    return found


async def filled(house: House) -> None:
    for n, name in enumerate(("v1.10", "v1.9", "v1.2.0-rc1", "v1.2.0", "main", "v2", "edge")):
        house.clock.move(SECOND)
        await house.image(name, name="x" * (n * 37 % 11))
    data = await house.image("same", name="same")
    await house.manifest(data, "also")


@pytest.mark.parametrize("few", [0, 2000])
@pytest.mark.parametrize("wanted", [ALL, TagFilter(text="1")])
def test_a_name_is_gone_to_there_or_not(
    place: Place, few: int, wanted: TagFilter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsing, "FEW", few)

    async def scenario(house: House) -> None:
        await filled(house)
        for sort in (TagSort.NAME, TagSort.VERSION):
            for down in (False, True):
                whole = await names(house, At(sort, down, limit=200), wanted)
                for name in [*whole, "v1.2", "v1.1", "v1", "m", "zz", "-", "V1.9", "v1.9.0"]:
                    at = At(sort, down, after=place_at(sort, name, descending=down), limit=200)
                    found = [line.name for line in (await page(house, at, wanted)).found.lines]
                    assert found == whole[len(whole) - len(found) :], (sort, down, name)
                    if name in whole:
                        assert found[0] == name
                    by = (lambda each: (version_key(each), each)) if sort is TagSort.VERSION else (lambda each: (each,))
                    assert all((by(each) <= by(name)) if down else (by(each) >= by(name)) for each in found)
                    before = whole[: len(whole) - len(found)]
                    assert not any((by(each) <= by(name)) if down else (by(each) >= by(name)) for each in before)
                    back = (await page(house, at._replace(limit=2), wanted)).found
                    if back.lines and before:
                        earlier = await page(house, At(sort, down, before=back.previous or "", limit=200), wanted)
                        assert [line.name for line in earlier.found.lines] == before
        for name in ("", "\u00e9", "a\n", "x" * 256):
            with pytest.raises(Invalid):
                place_at(TagSort.NAME, name, descending=False)

    place.run(scenario)


@pytest.mark.parametrize("few", [0, 2000])
def test_every_order_is_complete_in_both_directions_whatever_the_page(
    place: Place, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsing, "FEW", few)

    async def scenario(house: House) -> None:
        await filled(house)
        await Shelving(house.db, house.objects).run()
        last = LastUse(house.db)
        await last.begin()
        for tag in ("v2", "main", "same"):
            house.clock.move(SECOND)
            last.pulled(REPO, tag, Digest.of((await house.get(tag)).data))
            await last.flush()
        sizes = dict(house.sql("select name, size from tag"))
        pulled = dict(house.sql("select name, pulled_at from tag"))
        pushed = dict(house.sql("select name, seq from tag"))
        versions = ["also", "edge", "main", "same", "v1.2.0-rc1", "v1.2.0", "v1.9", "v1.10", "v2"]
        expected: dict[TagSort, list[str]] = {
            TagSort.NAME: sorted(sizes),
            TagSort.VERSION: versions,
            TagSort.PUSHED: sorted(sizes, key=lambda name: (pushed[name], name)),
            TagSort.SIZE: sorted(sizes, key=lambda name: (sizes[name], name)),
            TagSort.PULLED: sorted(sizes, key=lambda name: (pulled[name], name)),
        }
        assert pulled["also"] == pulled["same"] > pulled["main"] > pulled["v2"] > pulled["edge"] == 0
        assert min(sizes.values()) > 0
        for limit in (1, 2, 3, 8, 9, 10):
            for sort, wanted in expected.items():
                # A filter that lets everything pass takes the way of filters.
                for choice in (TagFilter(), TagFilter(pushed_after=1), TagFilter(glob="*")):
                    assert await names(house, At(sort, descending=False, limit=limit), choice) == wanted
                    assert await names(house, At(sort, descending=True, limit=limit), choice) == wanted[::-1]

    place.run(scenario)


def test_every_tag_is_seen_once_while_others_write(place: Place) -> None:
    async def scenario(house: House) -> None:
        standing = [f"v1.{n}" for n in range(40)]
        for name in standing:
            await house.image(name, name=name)
        await Shelving(house.db, house.objects).run()
        fresh = (f"{name}{n}" for n in itertools.count() for name in ("a", "v1.x", "z", "v0."))

        for sort in TagSort:
            for down in (False, True):
                found = await names(house, At(sort, down, limit=7), between=lambda: house.image(next(fresh), name="o"))
                assert sorted(name for name in found if name in standing) == sorted(standing)
                assert len(found) == len(set(found))

    place.run(scenario)


def test_filters(place: Place) -> None:
    async def scenario(house: House) -> None:
        await filled(house)
        house.clock.move(SECOND)
        middle = house.clock.now
        house.clock.move(SECOND)
        arm = json.dumps({"os": "linux", "architecture": "arm64", "variant": "v8"}).encode()
        await house.blob(arm)
        data = image(arm)
        with house.acting(Subject(7, "bob"), house.held):
            await house.manifest(data, "v3-arm", "v3-arm-also")
        await Shelving(house.db, house.objects).run()
        last = LastUse(house.db)
        await last.begin()
        last.pulled(REPO, "v2", Digest.of((await house.get("v2")).data))
        await last.flush()

        async def those(wanted: TagFilter) -> list[str]:
            return await names(house, At("name", limit=3), wanted)

        assert await those(TagFilter(prefix="v1.")) == ["v1.10", "v1.2.0", "v1.2.0-rc1", "v1.9"]
        assert await those(TagFilter(glob="v*.9*")) == ["v1.9"]
        assert await those(TagFilter(glob="v*rc*")) == ["v1.2.0-rc1"]
        assert await those(TagFilter(text="ai")) == ["main"]
        assert await those(TagFilter(pushed_after=middle)) == ["v3-arm", "v3-arm-also"]
        assert "v3-arm" not in await those(TagFilter(pushed_before=middle))
        assert len(await those(TagFilter(pushed_before=middle))) == 9
        assert await those(TagFilter(platform="linux/arm64")) == ["v3-arm", "v3-arm-also"]
        assert await those(TagFilter(platform="linux/arm64/v8")) == ["v3-arm", "v3-arm-also"]
        assert await those(TagFilter(platform="linux/amd64")) == []
        assert "v2" not in await those(TagFilter(never_pulled=True))
        assert len(await those(TagFilter(never_pulled=True))) == 10
        assert await those(TagFilter(actor="user:bob")) == ["v3-arm", "v3-arm-also"]
        assert await those(TagFilter(actor="user:bo")) == []
        assert await those(TagFilter(prefix="v3", text="also", platform="linux")) == ["v3-arm-also"]
        for bad in (
            TagFilter(glob="a b"),
            TagFilter(platform="a b"),
            TagFilter(text="\0"),
            TagFilter(prefix="v" * 129),
        ):
            with pytest.raises(Invalid):
                await those(bad)

    place.run(scenario)


def test_a_filter_that_finds_little_stops_and_goes_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "FEW", 0)

    async def scenario(house: House) -> None:
        data = await house.image("a")
        for n in range(300):
            await house.manifest(data, f"t{n:03}")
        late = itertools.count(0.0, PATIENCE)
        table = TagTable(house.db, house.objects, clock=lambda: next(late))
        at, found, pages = At("name", limit=5), [], 0
        while True:
            lines = (await table.page(may(house), REPO, TagFilter(text="99"), at)).found
            found += [line.name for line in lines.lines]
            pages += 1
            if lines.next is None:
                break
            assert lines.stopped
            at = at._replace(after=lines.next)
        assert found == ["t099", "t199", "t299"]
        assert pages == 4

    place.run(scenario)


async def one(house: House, name: str, rights: Rights = Rights.EVERYTHING) -> TagLine:
    (line,) = await TagTable(house.db, house.objects).named(may(house, rights), REPO, [name])
    return line


def test_what_is_told_of_a_tag(place: Place) -> None:
    async def scenario(house: House) -> None:
        child = await house.image(name="child")
        other = await house.image(name="other")
        outer = json.loads(index(child, other))
        for each, architecture in zip(outer["manifests"], ("amd64", "arm64"), strict=True):
            each["platform"] = {"os": "linux", "architecture": architecture}
        data = json.dumps(outer).encode()
        with house.acting(Subject(7, "bob"), house.held):
            await house.manifest(data, "multi", "b", "c", "d", "e")
        before = await one(house, "multi")
        await Shelving(house.db, house.objects).run()
        line = await one(house, "multi")
        assert line == before
        assert line.is_index
        assert line.platforms == ("linux/amd64", "linux/arm64")
        assert line.size == len(data) + sum(
            len(each) for each in (child, other, b'{"name":"child"}', b'{"name":"other"}')
        ) + len(b"layer of child") + len(b"layer of other")
        assert (line.digest, line.pushed_by, line.pulled_at) == (Digest.of(data), "user:bob", 0)
        assert (line.aliases, line.more_aliases, line.signed) == (("b", "c", "d"), True, False)
        assert (line.locked, line.held) == ("", "")
        house.sql("insert into setting (path, name, value) values ('team', 'immutable', ?)", RULES)
        line = await one(house, "multi")
        assert line.locked == "multi of team"
        assert line.held == ""
        await house.image(name="signature", subject=data, artifactType=SIG)
        assert (await one(house, "multi")).signed

    place.run(scenario)


RULES = '[{"tags": "multi", "except": [], "move": false, "delete": true}]'


def test_a_tag_of_a_digest_is_folded_and_marks_what_it_signs(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("app")
        await house.image(f"{Digest.of(data).replace(':', '-')}.sig", name="signature")
        await house.image("sha256-" + "g" * 64, name="odd")
        assert await names(house, At("name")) == ["app", "sha256-" + "g" * 64]
        assert (await one(house, "app")).signed

    place.run(scenario)


def test_sizes_follow_what_a_tag_points_to_and_what_comes_late(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("app", name="small")
        shelving = Shelving(house.db, house.objects)
        assert await shelving.run() == 1
        assert await shelving.run() == 0
        large = await house.image(name="l" * 5000)
        await house.manifest(large, "app")
        assert house.sql("select size from tag") == [-1]
        assert await shelving.run() == 1
        (size,) = house.sql("select size from tag")
        assert size > 5000
        await house.manifest(large, "again")  # what is known already
        assert house.sql("select size from tag order by name") == [size, size]
        assert await shelving.run() == 0

    place.run(scenario)


def test_an_index_is_another_size_once_what_it_waits_for_has_come(place: Place) -> None:
    async def scenario(house: House) -> None:
        here = await house.image(name="here")
        config, layer = b'{"name":"late"}', b"l" * 3000
        late = image(config, layer)
        await house.manifest(index(here, late), "sparse")
        await Shelving(house.db, house.objects).run()
        (before,) = house.sql("select size from tag")
        for data in (config, layer):
            await house.blob(data)
        await house.manifest(late)
        assert house.sql("select size from tag") == [-1]
        await Shelving(house.db, house.objects).run()
        (after,) = house.sql("select size from tag")
        assert after == before + len(late) + len(config) + len(layer)

    place.run(scenario, sparse_indexes=True)


def test_a_pull_by_digest_or_of_a_platform_counts_for_the_tags(place: Place) -> None:
    async def scenario(house: House) -> None:
        child = await house.image(name="child")
        outer = index(child)
        await house.manifest(outer, "multi")
        signature = await house.image("signature", name="signature", subject=outer)
        last = LastUse(house.db)
        await last.begin()
        at = house.clock.move(SECOND)
        last.pulled(REPO, Digest.of(child), Digest.of(child))
        await last.flush()
        assert dict(house.sql("select name, pulled_at from tag")) == {"multi": at, "signature": 0}
        assert house.sql("select pulled_at from repository") == [at]
        house.clock.move(SECOND)
        last.pulled(REPO, Digest.of(signature), Digest.of(signature))
        await last.flush()
        found = dict(house.sql("select name, pulled_at from tag"))
        assert found["signature"] > found["multi"] == at
        await house.manifest(child, "child")
        assert dict(house.sql("select name, pulled_at from tag"))["child"] == at

    place.run(scenario)


def test_who_pulled_is_told_to_who_reads_the_audit(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("app")
        last = LastUse(house.db)
        await last.begin()
        last.pulled(REPO, "app", Digest.of(data))
        await last.flush()
        for n, (day, subject) in enumerate(((1, "user:old"), (2, "user:eve"), (2, "user:zed"))):
            house.sql(
                "insert into access_use (key, day, subject, groups, credential, claims, network, agent, action, "
                "repository, reference, allowed, count, first_at, last_at) "
                f"values (x'0{n}', ?, ?, '', '', '', '', '', 'pull', 'team/app', 'app', 1, 1, 1, ?)",
                day,
                subject,
                10 - n,
            )
        assert (await one(house, "app")).pulled_by == "user:eve"
        line = await one(house, "app", some("*"))
        assert line.pulled_at
        assert (line.pulled_by, line.pushed_by) == (None, None)

    place.run(scenario)


def test_nothing_is_told_of_what_may_not_be(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("v1", name="shown")
        await house.manifest(data, "secret", "v2")
        rights = some("v*")
        assert await names(house, At("name", limit=1), rights=rights) == ["v1", "v2"]
        for sort in TagSort:
            lines = await page(house, At(sort), rights=rights)
            assert "secret" not in repr(lines)
            assert lines.total is None
        assert await TagTable(house.db, house.objects).named(may(house, rights), REPO, ["secret"]) == []
        assert (await one(house, "v1", rights)).aliases == ("v2",)
        with pytest.raises(RepositoryUnknown):
            await page(house, At("name"), rights=Rights("user:eve", [], {}))
        with pytest.raises(RepositoryUnknown):
            await TagTable(house.db, house.objects).page(
                may(house), RepositoryName("team/none"), TagFilter(), At("name")
            )

    place.run(scenario)


def test_a_hidden_name_is_in_no_place(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "FEW", 0)

    async def scenario(house: House) -> None:
        data = await house.image("v1")
        for n in range(250):
            await house.manifest(data, f"u-secret{n}", f"w-secret{n}")
        await house.manifest(data, "x")
        late = itertools.count(0.0, PATIENCE)
        table = TagTable(house.db, house.objects, clock=lambda: next(late))
        for sort in TagSort:
            at, found = At(sort, limit=1), []
            while True:
                lines = (await table.page(may(house, some("v*", "x")), REPO, TagFilter(), at)).found
                assert "secret" not in repr(lines)
                found += [line.name for line in lines.lines]
                if lines.next is None:
                    break
                at = at._replace(after=lines.next)
            assert sorted(found) == ["v1", "x"]

    place.run(scenario)


def test_a_place_of_another_list_is_refused(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1")
        for text in ("x", "[]", '["size"]', '["name","v1"]', '["size","v1",1]', '["size",1.5,"v1"]', '["size",true,1]',
                     '["size",99999999999999999999,"v1"]', "null", '{"a":1}', '["size",[1],"v1"]'):  # fmt: skip
            for at in (At("size", after=text), At("size", before=text)):
                with pytest.raises(Invalid):
                    await page(house, at)

    place.run(scenario)


def test_new_tags_are_counted(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1")
        table = TagTable(house.db, house.objects)
        seq = (await page(house, At("pushed"))).seq
        assert await table.newer(may(house), REPO, seq) == 0
        await house.image("v2", "v3", name="other")
        assert await table.newer(may(house), REPO, seq) == 2
        assert await table.newer(may(house, some("v*")), REPO, seq) == 0

    place.run(scenario)


def test_refusals(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("v1")
        who = Grantee(GranteeKind.ACCOUNT, 3, "user:ann")
        rights = Rights("user:ann", [Grant(1, Effect.ALLOW, who, "x", frozenset({Action.LIST}), REPO, "v*")], {})
        with pytest.raises((Denied, RepositoryUnknown)):
            await page(house, At("name"), rights=rights)

    place.run(scenario)


def test_a_filter_says_whether_it_asks_for_anything() -> None:
    assert not TagFilter().any
    assert TagFilter()._replace(text="a").any


def test_what_is_folded_is_counted(place: Place) -> None:
    async def scenario(house: House) -> None:
        data = await house.image("app")
        await house.image(f"{Digest.of(data).replace(':', '-')}.sig", name="signature")
        lines = await page(house, At("name"))
        assert (len(lines.found.lines), lines.folded) == (1, 1)
        assert (await page(house, At("name"), rights=some("app"))).folded == 0

    place.run(scenario)
