"""The registry against a reference model: after every push, retag, delete, mount and restart it shows the same.

The real use-cases run over SQLite; the model (registry_model.py) is a few dictionaries; the rules between the tables
(registry_invariants.py) are asked after every step.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Coroutine, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.databases import lay_database
from tests.property.registry_invariants import broken
from tests.property.registry_model import BLOBS, MANIFESTS, UNIVERSE, Repository
from tests.registry.house import LEASE, SETTINGS, WINDOW, Clock, House

from holdfast.blobs.memory import MemoryBlobs
from holdfast.oci.name import Tag
from holdfast.registry.errors import (
    BlobsMissing,
    BlobUnknown,
    InUse,
    ManifestUnknown,
    RepositoryUnknown,
)
from holdfast.registry.push.service import SPARSE_INDEXES

T = TypeVar("T")
NAMES = ("team/app", "team/other", "sparse/app")
TAGS = ["a", "b", "c"]
INLINE = 64
MEMORY = Path("/dev/shm")

repositories = st.sampled_from([NAMES[0], NAMES[0], NAMES[0], NAMES[1], NAMES[2], NAMES[2]])
picks = st.integers(0, 99)
manifests = st.sampled_from(MANIFESTS)
pieces = st.sampled_from([*BLOBS, *MANIFESTS])
tag_lists = st.lists(st.sampled_from(TAGS), unique=True, max_size=2)


class RegistryMachine(RuleBasedStateMachine):
    """Clients of three repositories, one of which takes indexes before their manifests."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.place = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.path = str(Path(self.place.name) / "holdfast.db")
        self.blobs = MemoryBlobs()
        self.clock = Clock()
        self.model = {name: Repository(sparse=name.startswith("sparse")) for name in NAMES}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        self.target = lay_database(self.path)
        self.run(self.blobs.open("machine"))
        self.house = self.open()
        self.house.sql("insert into setting values ('sparse', ?, 'true')", SPARSE_INDEXES)

    def open(self) -> House:
        async def make() -> House:
            return House(self.target, self.blobs, replace(SETTINGS, inline_limit=INLINE), self.clock)

        return self.run(make())

    # -- what clients and operators do ------------------------------------------------------------------------------

    @rule(repo=repositories, name=pieces, chunked=st.booleans())
    def push_blob(self, repo: str, name: str, chunked: bool) -> None:
        push = self.house.chunked if chunked else self.house.blob
        self.run(push(UNIVERSE[name].data, repo))
        self.model[repo].show(name)

    @rule(repo=repositories, name=manifests, tags=tag_lists)
    def push_manifest(self, repo: str, name: str, tags: list[str]) -> None:
        push = self.house.manifest(UNIVERSE[name].data, *tags, repo=repo)
        if missing := self.model[repo].missing(name):
            with pytest.raises(BlobsMissing) as caught:
                self.run(push)
            assert set(caught.value.digests) == {UNIVERSE[part].digest for part in missing}
        else:
            self.run(push)
            self.model[repo].put(name, tags)

    @rule(repo=repositories, name=manifests, tags=tag_lists)
    def push_whole(self, repo: str, name: str, tags: list[str]) -> None:
        """Everything below a manifest first, as clients do."""
        for part in UNIVERSE[name].parts:
            if UNIVERSE[part].is_manifest:
                self.push_whole(repo, part, [])
            else:
                self.push_blob(repo, part, chunked=False)
        self.push_manifest(repo, name, tags)

    @rule(repo=repositories, pick=picks, as_blob=st.booleans(), tags=tag_lists)
    def push_what_was_deleted(self, repo: str, pick: int, as_blob: bool, tags: list[str]) -> None:
        if name := chosen(self.model[repo].gone, pick):
            if as_blob or not UNIVERSE[name].is_manifest:
                self.push_blob(repo, name, chunked=False)
            else:
                self.push_manifest(repo, name, tags)

    @rule(repo=repositories, pick=picks)
    def delete_parts_of_what_was_deleted(self, repo: str, pick: int) -> None:
        held = self.model[repo]
        if name := chosen((name for name in held.gone if name not in held.manifests), pick):
            for part in UNIVERSE[name].parts:
                self.delete(repo, part)

    @rule(repo=repositories, source=repositories, name=pieces)
    def mount(self, repo: str, source: str, name: str) -> None:
        done = self.run(
            self.house.mounts.blob(self.house.may_push(repo), self.house.may_pull(source), UNIVERSE[name].digest)
        )
        assert done == (name in self.model[source].shown)
        if done:
            self.model[repo].show(name)

    @rule(repo=repositories, tag=st.sampled_from(TAGS))
    def delete_tag(self, repo: str, tag: str) -> None:
        held = self.model[repo]
        if self.succeeds(self.house.deletion.tag(self.house.may_delete(repo), Tag(tag))):
            assert tag in held.tags
            held.drop_tag(tag)
        else:
            assert tag not in held.tags

    @rule(repo=repositories, pick=picks, tags=tag_lists)
    def retag(self, repo: str, pick: int, tags: list[str]) -> None:
        """Move a tag to a manifest that is there."""
        if name := chosen(self.model[repo].manifests, pick):
            self.push_manifest(repo, name, tags)

    @rule(repo=repositories, pick=picks)
    def delete_manifest_with_tags(self, repo: str, pick: int) -> None:
        if name := chosen(self.model[repo].tags.values(), pick):
            self.delete(repo, name)

    @rule(repo=repositories, pick=picks)
    def delete_something(self, repo: str, pick: int) -> None:
        """Of what is there, as most deletes are."""
        if name := chosen(self.model[repo].shown, pick):
            self.delete(repo, name)

    @rule(repo=repositories, name=pieces)
    def delete(self, repo: str, name: str) -> None:
        """Delete by the route that fits, or, for what is not there, by the one that would."""
        held, digest = self.model[repo], UNIVERSE[name].digest
        is_manifest = name in held.manifests if name in held.shown else UNIVERSE[name].is_manifest
        deletion, permit = self.house.deletion, self.house.may_delete(repo)
        wrong = deletion.blob if is_manifest else deletion.manifest
        assert not self.succeeds(wrong(permit, digest))
        right = deletion.manifest if is_manifest else deletion.blob
        if self.succeeds(right(permit, digest)):
            assert name in held.shown
            assert held.users(name) == set()
            held.hide(name)
        else:
            assert name not in held.shown or held.users(name)

    def succeeds(self, work: Coroutine[Any, Any, object]) -> bool:
        try:
            self.run(work)
        except (ManifestUnknown, BlobUnknown, RepositoryUnknown, InUse):
            return False
        return True

    @precondition(lambda self: any(held.shown for held in self.model.values()))
    @rule(by=st.sampled_from([1, LEASE, 3 * LEASE, WINDOW, -LEASE]))
    def restart(self, by: int) -> None:
        """Time passes, the sweeper runs, another process takes over."""
        self.clock.move(by)
        self.run(self.house.sweep.run())
        self.run(self.house.close())
        self.house = self.open()

    # -- what must hold after every step ----------------------------------------------------------------------------

    @invariant()
    def shows_what_the_model_shows(self) -> None:
        self.run(self.compare())

    async def compare(self) -> None:
        house = self.house
        listed = sorted(name for name, held in self.model.items() if held.changed)
        assert (await house.listing.catalog(house.may_list(), "", None)).names == listed
        for repo, held in self.model.items():
            await self.compare_tags(repo, held)
            for name, piece in UNIVERSE.items():
                await self.compare_content(repo, held, name)
                if name in (UNIVERSE[other].subject for other in MANIFESTS):
                    wanted = {UNIVERSE[other].digest for other in held.referrers(name)}
                    found = await house.referrers(piece.data, repo)
                    assert len(found) == len(set(found))
                    assert set(found) == wanted, f"referrers of {name} in {repo}"

    async def compare_tags(self, repo: str, held: Repository) -> None:
        house = self.house
        if not held.changed:
            with pytest.raises(RepositoryUnknown):
                await house.listing.tags(house.may_pull(repo), "", None)
            return
        assert (await house.listing.tags(house.may_pull(repo), "", None)).names == sorted(held.tags)
        for tag in TAGS:
            found = await absent(house.get(tag, repo), ManifestUnknown)
            wanted = UNIVERSE[held.tags[tag]].data if tag in held.tags else None
            assert (found.data if found is not None else None) == wanted, f"{repo}:{tag}"

    async def compare_content(self, repo: str, held: Repository, name: str) -> None:
        house, piece, permit = self.house, UNIVERSE[name], self.house.may_pull(repo)
        manifest = await absent(house.get(piece.digest, repo), ManifestUnknown)
        assert (manifest is not None) == (name in held.manifests), f"manifest {name} in {repo}"
        assert manifest is None or manifest.data == piece.data
        head = await absent(house.pulls.manifest_head(permit, piece.digest), ManifestUnknown)
        assert (head is not None) == (name in held.manifests), f"HEAD of manifest {name} in {repo}"
        data = await absent(house.read(piece.digest, repo), BlobUnknown)
        assert data == (piece.data if name in held.shown else None), f"blob {name} in {repo}"
        blob = await absent(house.pulls.blob_head(permit, piece.digest), BlobUnknown)
        assert (blob is not None) == (name in held.shown), f"HEAD of blob {name} in {repo}"

    @invariant()
    def keeps_the_rules_between_the_tables(self) -> None:
        assert self.run(broken(self.house)) == {}

    def teardown(self) -> None:
        if hasattr(self, "house"):
            self.run(self.house.close())
        self.runner.close()
        self.place.cleanup()


def chosen(names: Iterable[str], pick: int) -> str | None:
    """One of `names`, None when there is none."""
    known = sorted(names)
    return known[pick % len(known)] if known else None


async def absent(work: Awaitable[T], kind: type[Exception]) -> T | None:
    """What `work` gives, or None when it raises `kind`."""
    try:
        return await work
    except kind:
        return None


RegistryMachine.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestRegistry = RegistryMachine.TestCase
