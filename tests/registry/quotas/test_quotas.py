"""Quotas: what is counted, what is refused and what is told, and who may set and see them."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.registry.house import REPO, House, Place, image, pieces
from tests.registry.ledger.counts import check

from holdfast.access.errors import Denied, Invalid, Unknown
from holdfast.access.model import UNCHECKED, PathPermit
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import Action, Circumstances, Effect, Grant, Grantee, GranteeKind
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.errors import QuotaExceeded
from holdfast.registry.ledger.figures import Figures
from holdfast.registry.quotas.folding import fold
from holdfast.registry.quotas.managing import Quotas
from holdfast.registry.quotas.model import read_number, read_percent, read_size
from holdfast.registry.quotas.telling import PAUSE, Exceeding
from holdfast.registry.upload.intake import Chunk

KIB = 1024


class Untouched:
    """A body that must not be read."""

    def __aiter__(self) -> Untouched:
        return self

    async def __anext__(self) -> bytes:
        pytest.fail("the body was read")


def permit(house: House, path: str, rights: Rights = Rights.EVERYTHING) -> PathPermit:
    here = Circumstances("", house.clock.now)
    return PathPermit(house.who, path, UNCHECKED, Origin("test"), rights, here)


async def limit(house: House, path: str, **values: int) -> None:
    named = {f"quota-{name}": str(value) for name, value in values.items()}
    await Quotas(house.db).set(permit(house, path), named)


def told(house: House) -> list[tuple[str, str, int]]:
    rows = house.sql("select data from journal where kind = 'quota.warned' order by id")
    return [(row["path"], row["quota"], row["used"]) for row in map(json.loads, rows)]


def test_bytes_are_refused_at_the_limit_of_every_path_above(place: Place) -> None:
    async def scenario(house: House) -> None:
        await limit(house, "team", bytes=100 * KIB)
        await limit(house, "", bytes=150 * KIB)
        await house.blob(bytes(60 * KIB))
        with pytest.raises(
            QuotaExceeded, match="quota of team is used up: limit 100 KiB, used 60 KiB, and this would add 60 KiB"
        ):
            await house.blob(b"1" * 60 * KIB, "team/other")
        await house.blob(bytes(60 * KIB))  # what is here already needs no room
        await house.blob(b"1" * 60 * KIB, "else")
        with pytest.raises(QuotaExceeded, match="the whole registry") as caught:
            await house.blob(b"2" * 40 * KIB, "else")
        assert caught.value.detail == {
            "quota": "bytes",
            "path": "",
            "limit": 150 * KIB,
            "used": 120 * KIB,
            "more": 40 * KIB,
        }
        await check(house, fold=True)

    place.run(scenario)


def test_a_copy_counts(place: Place) -> None:
    async def scenario(house: House) -> None:
        await limit(house, "team", bytes=100 * KIB)
        data = bytes(60 * KIB)
        await house.blob(data)
        with pytest.raises(QuotaExceeded):
            await house.mounts.blob(house.may_push("team/other"), house.may_pull(), Digest.of(data))
        assert house.sql("select path from repository") == [REPO]
        await limit(house, "team", bytes=120 * KIB)
        assert await house.mounts.blob(house.may_push("team/other"), house.may_pull(), Digest.of(data))

    place.run(scenario)


def test_tags_and_repositories(place: Place) -> None:
    async def scenario(house: House) -> None:
        await limit(house, "team", tags=2, repositories=1)
        data = await house.image("a")
        await house.manifest(data, "b")
        with pytest.raises(QuotaExceeded, match="limit 2 tags, used 2 tags, and this would add 1 tag"):
            await house.manifest(data, "c")
        await house.manifest(await house.image(name="other"), "b")  # a tag that moves is no more
        with pytest.raises(QuotaExceeded, match="limit 1 repository, used"):
            await house.blob(b"x", "team/other")
        with pytest.raises(QuotaExceeded):
            await house.chunked(b"x", "team/other")
        with pytest.raises(QuotaExceeded):
            await house.manifest(image(b"{}"), "v1", repo="team/other")
        await house.deletion.tag(house.may_delete(), Tag("a"))
        await house.manifest(data, "c")
        assert house.sql("select path from repository") == [REPO]
        await check(house, fold=True)

    place.run(scenario)


def test_it_is_told_once_and_again_when_there_was_room(place: Place) -> None:
    async def scenario(house: House) -> None:
        await limit(house, "team", tags=5)
        data = await house.image("1", "2", "3")
        assert told(house) == []
        await house.manifest(data, "4")
        await house.manifest(data, "5")
        await fold(house.db)
        assert told(house) == [("team", "tags", 4)]
        for tag in ("5", "4"):
            await house.deletion.tag(house.may_delete(), Tag(tag))
        await fold(house.db)
        assert house.sql("select count(*) from quota_warning") == [0]
        await house.manifest(data, "4")
        assert told(house) == [("team", "tags", 4)] * 2
        await Quotas(house.db).set(permit(house, "team"), {"quota-warn": "100"})
        await house.manifest(data, "4", "5")
        assert told(house)[2:] == [("team", "tags", 5)]

    place.run(scenario)


def test_a_refusal_says_what_only_history_keeps(place: Place) -> None:
    async def scenario(house: House) -> None:
        old = await house.image("v1", name="old")
        await house.image("v1", name="new")
        await Figures(house.db).walk()
        await limit(house, "team", bytes=len(old))
        with pytest.raises(QuotaExceeded, match="`holdfast collect --now --window 0 team` drops them") as caught:
            await house.blob(b"more")
        assert caught.value.detail["history"] == len(old) + len('{"name":"old"}') + len("layer of old")
        assert caught.value.detail["pending"] == 0

    place.run(scenario)


def test_a_large_body_is_refused_before_it_comes(place: Place) -> None:
    async def scenario(house: House) -> None:
        await limit(house, "team", bytes=3 << 20)
        data = bytes(2 << 20)
        await house.blob(data)

        other = b"1" * (2 << 20)
        with pytest.raises(QuotaExceeded):
            await house.uploads.put(house.may_push(), Digest.of(other), Chunk(Untouched(), None, len(other)))
        token = (await house.uploads.start(house.may_push(), "sha256")).token
        with pytest.raises(QuotaExceeded):
            await house.uploads.append(house.may_push(), token, Chunk(Untouched(), None, 4 << 20))
        await house.uploads.put(house.may_push(), Digest.of(data), Chunk(pieces(data), None, len(data)))

    place.run(scenario)


def test_many_at_once_exceed_it_by_no_more_than_what_is_under_way(place: Place) -> None:
    async def scenario(house: House) -> None:
        await limit(house, "team", bytes=10 * KIB)
        works = [house.blob(b"%d" % number * KIB) for number in range(8, 10)]
        works += [house.blob(b"%02d" % number * KIB) for number in range(16)]
        done = await asyncio.gather(*works, return_exceptions=True)
        assert any(isinstance(each, QuotaExceeded) for each in done)
        assert all(isinstance(each, QuotaExceeded | Digest) for each in done)
        with pytest.raises(QuotaExceeded):
            await house.blob(b"more than that" * KIB)
        await check(house, fold=True)

    place.run(scenario)


def test_only_who_operates_sets_quotas(place: Place) -> None:
    async def scenario(house: House) -> None:
        actions = frozenset(set(Action) - {Action.OPERATE, Action.ADMINISTER})
        grant = Grant(1, Effect.ALLOW, Grantee(GranteeKind.ACCOUNT, 1, "user:o"), "owner", actions, "team/**")
        owner = Rights("user:o", (grant,), {})
        quotas = Quotas(house.db)
        for path in ("team", "team/app", "", "other"):
            with pytest.raises(Denied):
                await quotas.set(permit(house, path, owner), {"quota-bytes": "1"})
            with pytest.raises(Denied):
                await quotas.unset(permit(house, path, owner))
        await limit(house, "", bytes=100_000)
        await limit(house, "team", tags=10)
        await house.image("v1")
        found = await quotas.show(permit(house, "team", owner))
        assert [(each.limit.path, each.limit.what, each.used) for each in found.standings] == [
            ("", "bytes", None),
            ("team", "tags", 1),
        ]
        assert found.used is not None
        assert found.used.tags == 1
        for path in ("other", "other/app", ""):
            with pytest.raises(Unknown):
                await quotas.show(permit(house, path, owner))
        assert [each.path for each in (await quotas.paths(permit(house, "", owner), "", 10)).quotas] == ["team"]
        assert [each.path for each in (await quotas.paths(permit(house, ""), "", 10)).quotas] == ["", "team"]
        changes = house.sql("select data from journal where kind = 'quota.changed' order by id")
        assert json.loads(changes[0]) == {"path": "", "removed": [], "set": {"quota-bytes": "100000"}}

    place.run(scenario)


@pytest.mark.parametrize(
    ("text", "size"), [("10GiB", 10 << 30), ("1.5 MiB", 3 << 19), ("4096", 4096), ("2TB", 2 * 10**12), ("0", 0)]
)
def test_sizes_that_people_write(text: str, size: int) -> None:
    assert read_size(text) == str(size)


@pytest.mark.parametrize("text", ["", "-1", "10 apples", "GiB", "1e9", "9999999PiB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(Invalid):
        read_size(text)


def test_numbers_and_percentages() -> None:
    assert (read_number("7"), read_percent("90%"), read_percent("5")) == ("7", "90", "5")
    for text in ("x", "-1", "1.5", ""):
        with pytest.raises(Invalid):
            read_number(text)
    for text in ("0", "101", "x"):
        with pytest.raises(Invalid):
            read_percent(text)


def test_that_a_quota_was_exceeded_is_told_once_a_minute(place: Place) -> None:
    async def scenario(house: House) -> None:
        await limit(house, "team", bytes=10)
        await limit(house, "other", tags=1)
        exceeding = Exceeding(house.db)

        async def refused(repo: str, actor: str) -> None:
            with pytest.raises(QuotaExceeded) as found:
                await house.image("v1", "v2", repo=repo)
            exceeding.tell(found.value, actor, Origin("r1", "192.0.2.7"))

        for actor in ("user:a", "user:b"):
            await refused("team/app", actor)
            await refused("other/app", actor)
        house.clock.move(PAUSE)
        await refused("team/app", "user:c")
        await exceeding.close()
        rows = house.sql("select path, actor, data from journal where kind = 'quota.exceeded' order by id")
        assert [(path, actor) for path, actor, _ in rows] == [
            ("team", "user:a"),
            ("other", "user:a"),
            ("team", "user:c"),
        ]
        data = json.loads(rows[0][2])
        assert (data["path"], data["quota"], data["limit"], data["used"]) == ("team", "bytes", 10, 0)
        assert data["more"] > 10

    place.run(scenario)
