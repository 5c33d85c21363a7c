"""Verify on every kind of store and database: sessions and content of several objects, in clear and encrypted."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.registry.upload.nodes import KEYS, PLACES, PULL, PUSH, SETTINGS, Cluster, Node, once, run

from holdfast.blobs.envelope import Envelope
from holdfast.blobs.errors import Unavailable
from holdfast.blobs.key import new_key
from holdfast.db.query import Command
from holdfast.oci.digest import Digest
from holdfast.registry.errors import UploadUnknown
from holdfast.registry.objects import Objects
from holdfast.registry.sweep.guard import MARK
from holdfast.registry.upload.intake import Chunk
from holdfast.registry.verify.inspection import Site
from holdfast.registry.verify.model import Options, Outcome
from holdfast.registry.verify.service import verify

PARTS = [b"a" * 1000, b"b" * 70_000, b"c" * 500]
WHOLE = b"".join(PARTS)
DIGEST = Digest.of(WHOLE)
SMALL, SINGLE = b"small", b"one object" * 1000
DOOM = Command("insert into doomed (key, due) values (:key, 0)")
SPOIL_KEY = Command("update content set wrapped_key = :bytes where digest = :digest")
ENCRYPTED = [place for place in PLACES if place.endswith("sealed")]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def look(node: Node, **options: bool) -> Outcome:
    outcome = Outcome(Options(**options))
    await verify(Site(node.db, node.objects, SETTINGS, "verify-1"), outcome, lambda progress: None)
    return outcome


async def classes(node: Node, **options: bool) -> list[str]:
    return [str(each.damage) for each in (await look(node, **options)).findings]


async def upload(node: Node) -> None:
    token = await node.start()
    for part in PARTS[:-1]:
        await node.append(token, part)
    await node.finish(token, DIGEST, PARTS[-1])


async def filled(cluster: Cluster) -> tuple[Node, str]:
    """A node of an installation with a bit of everything, and the token of a session under way."""
    node = await cluster.node()
    await upload(node)
    for data in (SMALL, SINGLE):
        await node.uploads.put(PUSH, Digest.of(data), Chunk(once(data)))
    token = await node.start()
    for part in PARTS[:-1]:
        await node.append(token, part)
    early = await node.start()
    await node.append(early, b"early")
    return node, token


async def segments(node: Node) -> list[str]:
    """The keys of the content of several objects, in order."""
    found = await node.pulls.blob(PULL, DIGEST)
    assert found.stored is not None
    return [segment.key for segment in found.stored.segments]


async def spoil(cluster: Cluster, key: str, damage: str) -> None:
    """Remove, shorten or change an object."""
    size = await cluster.blobs.inner.size(key)
    assert size is not None
    data = await cluster.blobs.inner.read(key, 0, size)
    await cluster.blobs.delete(key)
    if damage == "object-short":
        await cluster.blobs.put(key, [data[:-1]], "sha256")
    elif damage == "object-corrupt":
        await cluster.blobs.put(key, [data[:-1] + bytes([data[-1] ^ 1])], "sha256")


@pytest.mark.parametrize("options", [{}, {"deep": True}, {"deep": True, "repair": True}], ids=str)
def test_what_the_program_writes_is_clean(tmp_path: Path, place: str, options: dict[str, bool]) -> None:
    async def scenario(cluster: Cluster) -> None:
        node, token = await filled(cluster)
        outcome = await look(node, **options)
        assert (outcome.findings, outcome.notes) == ([], [])
        assert outcome.checked["content"] == 3
        assert outcome.checked["upload sessions"] == 1
        assert outcome.checked["objects in the store"] == 6
        await node.compact()
        await node.sweep.run()
        assert await classes(node, **options) == []
        await node.finish(token, DIGEST, PARTS[-1])
        cluster.clock.now += 1000 * SETTINGS.upload_expire
        assert await classes(node, **options) == []

    run(tmp_path, place, scenario)


@pytest.mark.parametrize("damage", ["object-missing", "object-short", "object-corrupt"])
@pytest.mark.parametrize("at", [0, 2])
def test_damage_of_a_segment_is_found_marked_and_healed_by_a_push(
    tmp_path: Path, place: str, damage: str, at: int
) -> None:
    async def scenario(cluster: Cluster) -> None:
        node, _ = await filled(cluster)
        await spoil(cluster, (await segments(node))[at], damage)
        assert await classes(node, deep=damage == "object-corrupt") == [damage]
        assert (await look(node, deep=True, repair=True)).repaired.total() == 1
        assert await classes(node) == ["content-damaged"]
        await upload(node)
        assert await classes(node, deep=True) == []
        assert await node.read(DIGEST) == WHOLE

    run(tmp_path, place, scenario)


@pytest.mark.parametrize("damage", ["object-missing", "object-short"])
def test_a_session_that_lost_an_object_is_found_and_ended(tmp_path: Path, place: str, damage: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        node, token = await filled(cluster)
        session = await cluster.known(node) - set(await segments(node))
        single = await node.pulls.blob(PULL, Digest.of(SINGLE))
        assert single.stored is not None
        session -= {str(single.stored.key)}
        assert len(session) == 2
        await spoil(cluster, min(session), damage)
        assert await classes(node) == ["upload-broken"]
        assert await node.status(token) == len(PARTS[0] + PARTS[1])
        assert (await look(node, repair=True)).left == 0
        assert await classes(node) == []
        with pytest.raises(UploadUnknown):
            await node.append(token, PARTS[2])
        assert session <= await cluster.doomed(node)
        await upload(node)

    run(tmp_path, place, scenario)


def test_an_object_in_use_is_taken_off_the_list_of_the_doomed(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        node, _ = await filled(cluster)
        for key in sorted(await cluster.known(node)):
            await node.db.write(lambda unit, key=key: unit.run(DOOM, key=key))  # type: ignore[misc]
        assert await classes(node) == ["doomed-referenced"] * 3  # one object, several, a session
        assert (await look(node, repair=True)).left == 0
        assert await cluster.doomed(node) == set()
        assert await classes(node, deep=True) == []

    run(tmp_path, place, scenario)


def test_old_objects_without_a_row_are_deleted(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        node, _ = await filled(cluster)
        old, young = new_key(1), new_key(cluster.clock.now)
        for key in (old, young):
            await cluster.blobs.put(key, [b"left behind"], "sha256")
        assert await classes(node) == ["litter-object"]
        assert (await look(node, repair=True)).left == 0
        assert await cluster.keys() == await cluster.known(node) | {young}

    run(tmp_path, place, scenario)


def test_a_restored_database_is_told_of_and_adopted(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        node, _ = await filled(cluster)
        litter = new_key(1)
        await cluster.blobs.put(litter, [b"left behind"], "sha256")
        await cluster.blobs.set_mark(MARK, "what-a-newer-state-wrote")
        assert sorted(await classes(node, repair=True)) == ["database-restored", "litter-object"]
        assert litter in await cluster.keys(), "nothing is deleted"
        await spoil(cluster, (await segments(node))[0], "object-missing")
        outcome = await look(node, adopt=True)
        assert "not adopted: 1 objects are missing" in outcome.notes[0]
        assert outcome.left == 3
        outcome = await look(node, adopt=True, repair=True)
        assert outcome.notes == []
        assert {str(each.damage): each.repaired for each in outcome.findings} == {
            "object-missing": True,
            "content-damaged": False,
            "litter-object": False,
            "database-restored": True,
        }
        assert (await look(node, repair=True)).repaired.total() == 1
        assert litter not in await cluster.keys()

    run(tmp_path, place, scenario)


def test_adopting_by_force_asks_for_nothing(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster) -> None:
        node, _ = await filled(cluster)
        await cluster.blobs.set_mark(MARK, "what-a-newer-state-wrote")
        await spoil(cluster, (await segments(node))[0], "object-missing")
        outcome = await look(node, adopt=True, force=True)
        assert [str(each.damage) for each in outcome.findings if not each.repaired] == ["object-missing"]
        await node.sweep.run()

    run(tmp_path, "memory", scenario)


@pytest.mark.parametrize("place", ENCRYPTED)
def test_a_key_that_opens_nothing_is_damage(tmp_path: Path, place: str) -> None:
    async def scenario(cluster: Cluster) -> None:
        node, _ = await filled(cluster)
        for data in (WHOLE, SMALL):
            digest = Digest.of(data)
            await node.db.write(lambda unit, d=digest: unit.run(SPOIL_KEY, bytes=b"\0\1" + bytes(60), digest=d))  # type: ignore[misc]
        assert await classes(node) == ["object-corrupt", "inline-corrupt"]
        assert (await look(node, repair=True)).repaired.total() == 2
        await upload(node)
        await node.uploads.put(PUSH, Digest.of(SMALL), Chunk(once(SMALL)))
        assert await classes(node, deep=True) == []

    run(tmp_path, place, scenario)


@pytest.mark.parametrize("place", ENCRYPTED)
@pytest.mark.parametrize("keys", [None, {2: bytes(32)}], ids=["no keys", "others"])
def test_without_the_keys_nothing_is_called_damaged(tmp_path: Path, place: str, keys: dict[int, bytes] | None) -> None:
    async def scenario(cluster: Cluster) -> None:
        node, _ = await filled(cluster)
        envelope = Envelope(keys) if keys is not None else None
        node.objects = Objects(node.objects.blobs, envelope)
        with pytest.raises(Unavailable, match="key"):
            await look(node, repair=True)
        node.objects = Objects(node.objects.blobs, Envelope(KEYS))
        assert await classes(node, deep=True) == []

    run(tmp_path, place, scenario)
