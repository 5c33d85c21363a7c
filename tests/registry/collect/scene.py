"""A small registry in which some of everything is kept and some of everything has to go, for tests of the collector.

Promises: what `lay` returns is all that any tag reaches; everything else loses its last root in `lay`, and is due after
`pass_time`, level by level.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.registry.house import GRACE, LEASE, WINDOW, House, image, index

from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag

REPO, OTHER = "team/app", "team/other"
LEVELS = 5
"""An index, its images, their layers, the content of these, its objects."""


class Kept(NamedTuple):
    """What must be served, by repository: manifests and blobs."""

    manifests: list[tuple[str, bytes]]
    blobs: list[tuple[str, bytes]]

    @property
    def digests(self) -> set[str]:
        """The digests of all of it."""
        return {Digest.of(data) for _, data in (*self.manifests, *self.blobs)}


def large(name: str) -> bytes:
    """Bytes that are kept in an object."""
    return f"{name} ".encode() * 4000


async def lay(house: House, run: str = "") -> Kept:
    """Lay it; `run` makes it another one."""
    shared, config, own = large(f"shared{run}"), f'{{"n":"{run}"}}'.encode(), large(f"own{run}")
    kept_image, mark_config = image(config, shared, own), f'{{"mark":"{run}"}}'.encode()
    mark = image(mark_config, subject=kept_image)
    child = image(config, shared, note="child")
    kept_index = index(kept_image, child)
    for data in (shared, config, own, mark_config):
        await house.blob(data, REPO)
    for data in (kept_image, mark, child):
        await house.manifest(data, repo=REPO)
    await house.manifest(kept_index, f"multi{run}", repo=REPO)
    await house.blob(config, OTHER)
    await house.mounts.blob(house.may_push(OTHER), house.may_pull(REPO), Digest.of(shared))
    mounted = image(config, shared, note="mounted")
    await house.manifest(mounted, f"mounted{run}", repo=OTHER)
    await _lose(house, run, shared, config)
    return Kept(
        [(REPO, kept_image), (REPO, mark), (REPO, child), (REPO, kept_index), (OTHER, mounted)],
        [(REPO, shared), (REPO, config), (REPO, own), (REPO, mark_config), (OTHER, shared), (OTHER, config)],
    )


async def _lose(house: House, run: str, shared: bytes, config: bytes) -> None:
    """Some of everything that nothing reaches any more."""
    for name, layer in (("moved", large(f"moved{run}")), ("untagged", large(f"untagged{run}")), ("buried", b"small")):
        await house.blob(layer, REPO)
        data = image(config, shared, layer, note=name + run)
        await house.manifest(data, f"{name}{run}", repo=REPO)
        if name == "buried":
            lost = data
    await house.manifest(image(config, note=f"heir{run}"), f"moved{run}", repo=REPO)
    await house.deletion.tag(house.may_delete(REPO), Tag(f"moved{run}"))
    await house.deletion.tag(house.may_delete(REPO), Tag(f"untagged{run}"))
    payload = large(f"payload{run}")
    await house.blob(payload, REPO)
    await house.manifest(image(payload, subject=lost), repo=REPO)
    await house.deletion.manifest(house.may_delete(REPO), Digest.of(lost))
    child = image(config, note=f"lost child{run}")
    await house.manifest(child, repo=REPO)
    await house.manifest(index(child), f"lost{run}", repo=REPO)
    await house.deletion.tag(house.may_delete(REPO), Tag(f"lost{run}"))
    await house.blob(large(f"never used{run}"), REPO)
    await house.blob(f"never used {run}".encode(), OTHER)


def pass_time(house: House) -> None:
    """Let all that lost its root fall due, one level further down."""
    house.clock.move(WINDOW + 3 * LEASE + GRACE)


async def collect_all(house: House) -> None:
    """Everything that falls due, level by level."""
    for _ in range(LEVELS):
        pass_time(house)
        await house.collect.run()
        await house.sweep.run()


async def whole(house: House, kept: Kept) -> None:
    """What is kept is served."""
    for repo, data in kept.manifests:
        assert (await house.get(Digest.of(data), repo)).data == data
    for repo, data in kept.blobs:
        assert await house.read(Digest.of(data), repo) == data


async def finished(house: House, *kept: Kept) -> None:
    """What is kept is served, and nothing else is left: no row, no object."""
    for each in kept:
        await whole(house, each)
    assert set(house.sql("select digest from content")) == {digest for each in kept for digest in each.digests}
    for table in ("candidate", "orphan", "doomed", "lease"):
        assert house.sql(f"select count(*) from {table}") == [0], table
    pages = house.blobs.keys()
    assert {key async for page in pages for key in page} == set(
        house.sql("select key from content where key is not null")
    )
