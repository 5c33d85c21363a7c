"""Lists: every element once, in order, in pages that are bounded in rows and in bytes."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from tests.registry.house import MANIFEST, REPO, House, Place, image, index

from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import RepositoryUnknown
from holdfast.registry.listing.service import REFERRERS_PAGE

MIB = 1 << 20


async def all_tags(house: House, n: int | None) -> list[list[str]]:
    """Every page of the tags."""
    found, last = [], ""
    for _ in range(1000):
        page = await house.listing.tags(house.may_pull(), last, n)
        found.append(page.names)
        if not page.more:
            return found
        last = page.names[-1]
    raise AssertionError("the pages never end")


async def all_referrers(house: House, subject: bytes, artifact_type: str | None = None) -> list[list[str]]:
    """Every page of the referrers, by digest."""
    found, after = [], 0
    for _ in range(1000):
        page = await house.listing.referrers(house.may_pull(), Digest.of(subject), artifact_type, after)
        found.append([str(each["digest"]) for each in page.descriptors])
        if page.after is None:
            return found
        after = page.after
    raise AssertionError("the pages never end")


def test_tags_are_in_bytewise_order_whatever_the_page(place: Place) -> None:
    names = ["10", "2", "A", "_", "a", "a-b", "a.b", "a_b", "latest", "v1", "v1.10", "v1.9", "z" * 128]

    async def scenario(house: House) -> None:
        await house.image(*reversed(names))
        for n in (1, 2, 5, len(names), len(names) + 1, 10**9, None):
            pages = await all_tags(house, n)
            assert [name for page in pages for name in page] == sorted(names)
            assert all(len(page) <= min(n or 10**9, 10_000) for page in pages)

    place.run(scenario)


def test_a_page_is_clamped(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image(*(f"v{number}" for number in range(7)))
        assert [len(page) for page in await all_tags(house, None)] == [3, 3, 1]
        assert [len(page) for page in await all_tags(house, 10**9)] == [3, 3, 1]
        page = await house.listing.tags(house.may_pull(), "", 0)
        assert (page.names, page.more) == ([], False)
        catalog = await house.listing.catalog(house.may_list(), "", 0)
        assert (catalog.names, catalog.more) == ([], False)

    place.run(scenario, page_limit=3)


def test_tags_after_a_name_that_is_not_there(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.image("b", "d")
        for last, wanted in (("", ["b", "d"]), ("a", ["b", "d"]), ("b", ["d"]), ("c", ["d"]), ("d", []), ("z", [])):
            assert (await house.listing.tags(house.may_pull(), last, None)).names == wanted

    place.run(scenario)


def test_what_is_there_all_the_while_is_seen_once_during_writes(place: Place) -> None:
    async def scenario(house: House) -> None:
        stays = [f"s{number:02}" for number in range(20)]
        data = await house.image(*stays)
        seen, last = [], ""
        while True:
            page = await house.listing.tags(house.may_pull(), last, 3)
            seen += page.names
            if not page.more:
                break
            last = page.names[-1]
            await house.manifest(data, f"s{len(seen):02}x", "a", f"z{len(seen)}")
            if len(seen) > 3:
                await house.deletion.tag(house.may_delete(), Tag("a"))
        assert [name for name in seen if name in stays] == stays
        assert len(seen) == len(set(seen))

    place.run(scenario)


def test_a_repository_is_listed_once_it_holds_a_manifest(place: Place) -> None:
    async def scenario(house: House) -> None:
        await house.blob(b"just a blob", "blobs-only")
        for repo in ("blobs-only", "nowhere"):
            with pytest.raises(RepositoryUnknown):
                await house.listing.tags(house.may_pull(repo), "", None)
        data = await house.image(repo="untagged")
        assert (await house.listing.tags(house.may_pull("untagged"), "", None)).names == []
        for repo in ("b", "a/b", "a-b", "a"):
            await house.image("v1", repo=repo)
        wanted = ["a", "a-b", "a/b", "b", "untagged"]
        page = await house.listing.catalog(house.may_list(), "", None)
        assert (page.names, page.more) == (wanted, False)
        page = await house.listing.catalog(house.may_list(), "a", 2)
        assert (page.names, page.more) == (["a-b", "a/b"], True)
        await house.deletion.manifest(house.may_delete("untagged"), Digest.of(data))
        assert (await house.listing.catalog(house.may_list(), "b", None)).names == ["untagged"]

    place.run(scenario)


def test_descriptors_of_referrers(place: Place) -> None:
    """Distribution specification, "Listing Referrers"."""
    kind = "application/vnd.example.sbom.v1+json"

    async def scenario(house: House) -> None:
        subject = await house.image("v1", name="subject")
        typed = await house.image(name="a", subject=subject, artifactType=kind, annotations={"a": "ü", "b": ""})
        plain = await house.image(name="b", subject=subject)
        listed = index(subject, subject=subject, annotations={"c": "d"})
        await house.manifest(listed)
        await house.image(name="c", subject=plain)
        page = await house.listing.referrers(house.may_pull(), Digest.of(subject), None, 0)
        assert page.after is None
        assert page.descriptors == [
            {
                "mediaType": MANIFEST,
                "digest": Digest.of(typed),
                "size": len(typed),
                "artifactType": kind,
                "annotations": {"a": "ü", "b": ""},
            },
            {
                "mediaType": MANIFEST,
                "digest": Digest.of(plain),
                "size": len(plain),
                "artifactType": "application/vnd.oci.image.config.v1+json",
            },
            {
                "mediaType": "application/vnd.oci.image.index.v1+json",
                "digest": Digest.of(listed),
                "size": len(listed),
                "annotations": {"c": "d"},
            },
        ]
        assert await house.referrers(subject, artifact_type=kind) == [Digest.of(typed)]
        assert await house.referrers(subject, artifact_type="application/none") == []
        assert await house.referrers(b"nobody's subject") == []
        assert await house.referrers(subject, "other") == []

    place.run(scenario)


def test_referrers_of_a_subject_that_is_not_there_yet(place: Place) -> None:
    async def scenario(house: House) -> None:
        for part in (b"{}", b"later"):
            await house.blob(part)
        subject = image(b"{}", b"later")
        early = await house.image(name="early", subject=subject)
        assert await house.referrers(subject) == [Digest.of(early)]
        assert house.sql("select count(*) from edge where kept_id = ?", house.id_of(early)) == [0]
        await house.manifest(subject, "v1")
        assert house.sql("select keeper_id from edge where kept_id = ?", house.id_of(early)) == [house.id_of(subject)]
        late = await house.image(name="late", subject=subject)
        assert await house.referrers(subject) == [Digest.of(early), Digest.of(late)]

    place.run(scenario)


def test_deleted_and_damaged_referrers_are_not_listed(place: Place) -> None:
    async def scenario(house: House) -> None:
        subject = await house.image("v1", name="subject")
        names = ("deleted", "damaged", "marked", "good")
        found = {name: await house.image(name=name, subject=subject) for name in names}
        await house.deletion.manifest(house.may_delete(), Digest.of(found["deleted"]))
        house.sql("update body set bytes = x'7b' where content_id = ?", house.id_of(found["damaged"]))
        house.sql("update content set state = 1 where id = ?", house.id_of(found["marked"]))
        assert await house.referrers(subject) == [Digest.of(found["good"])]
        await house.deletion.manifest(house.may_delete(), Digest.of(subject))
        assert await house.referrers(subject) == [Digest.of(found["good"])], "it may outlive what it refers to"

    place.run(scenario)


def test_referrers_come_in_pages(place: Place) -> None:
    async def scenario(house: House) -> None:
        subject = await house.image("v1", name="subject")
        for part in (b"{}", b"x"):
            await house.blob(part)
        wanted = []
        for number in range(2 * REFERRERS_PAGE + 1):
            data = image(b"{}", b"x", subject=subject, annotations={"n": str(number)})
            await house.manifest(data)
            wanted.append(Digest.of(data))
        for artifact_type in (None, "application/vnd.oci.image.config.v1+json"):
            pages = await all_referrers(house, subject, artifact_type)
            assert [len(page) for page in pages] == [REFERRERS_PAGE, REFERRERS_PAGE, 1]
            assert [digest for page in pages for digest in page] == wanted

    place.run(scenario)


def test_large_referrers_make_small_pages_and_no_large_heap(place: Place) -> None:
    async def scenario(house: House) -> None:
        subject = await house.image("v1", name="subject")
        for part in (b"{}", b"x"):
            await house.blob(part)
        wanted = []
        for number in range(16):
            size = 3_900_000 if number == 5 else MIB
            data = image(b"{}", b"x", subject=subject, annotations={"n": str(number), "long": "a" * size})
            await house.manifest(data)
            wanted.append(Digest.of(data))
        tracemalloc.start()
        pages = await all_referrers(house, subject)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert [digest for page in pages for digest in page] == wanted
        assert max(map(len, pages)) <= 3
        assert [wanted[5]] in pages, "one that is larger than a page has a page of its own"
        assert peak < 16 * MIB
        page = await house.listing.referrers(house.may_pull(), Digest.of(subject), None, 0)
        assert len(json.dumps(page.descriptors)) < 4 * MIB
        assert house.sql("select path from repository") == [REPO]

    place.run(scenario)
