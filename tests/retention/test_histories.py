"""Random histories, random rules: the dry run is the run, and everything that is kept pulls whole, also when what was
dropped has been collected."""

from __future__ import annotations

import asyncio
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.registry.house import REPO, House, Place, descriptor, image, index
from tests.retention.place import DAY, Keeper

from holdfast.oci.digest import Digest
from holdfast.oci.name import Tag
from holdfast.registry.collect.service import Collect
from holdfast.registry.errors import ManifestUnknown
from holdfast.retention import store
from holdfast.retention.model import Cause
from holdfast.retention.planning import Planner
from holdfast.retention.tasks import new_plan

TAGS = ("1.0", "1.1", "2.0-rc1", "dev-1", "dev-2", "main")
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"


class Step(NamedTuple):
    """One thing that happens: what, to which tag, with which image, of or about which earlier manifests."""

    kind: str
    tag: str
    number: int
    days: int


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(["image", "image", "index", "nested", "docker", "referrer", "bare", "delete", "pull", "wait"]),
        st.sampled_from(TAGS),
        st.integers(0, 7),
        st.integers(0, 20),
    ),
    min_size=3,
    max_size=16,
)
conditions: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.sampled_from([["1.*"], ["dev-*", "main"], ["*"]]),
        "except": st.sampled_from([["*-rc*"], ["main"]]),
        "older_than": st.sampled_from(["0s", "5d", "20d"]),
    },
)
ranks: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"n": 1}, {"n": 2, "by": "version"}, {"n": 1, "count": "images"}]
)


def rule(number: int, action: str, fields: dict[str, Any], rank: dict[str, Any]) -> dict[str, Any]:
    found = {"name": f"r{number}", "action": action, **fields, **{k: v for k, v in rank.items() if k != "n"}}
    if "n" in rank:
        found["newest" if action == "keep" else "beyond"] = rank["n"]
    return found


@st.composite
def policies(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = [
        rule(n, draw(st.sampled_from(["drop", "drop", "keep"])), draw(conditions), draw(ranks))
        for n in range(draw(st.integers(1, 3)))
    ]
    if draw(st.booleans()):
        made.append({"name": "bare", "action": "drop", "untagged": True, "older_than": "5d"})
    if draw(st.booleans()):
        made.append({"name": "idle", "action": "drop", "unused_for": "10d"})
    return made


class World:
    """The history, and the bytes of every manifest that was pushed."""

    def __init__(self, house: House, keeper: Keeper) -> None:
        self.house = house
        self.keeper = keeper
        self.pushed: list[bytes] = []

    def some(self, number: int) -> list[bytes]:
        """Two earlier manifests, or one."""
        there = [data for data in self.pushed if self.is_there(data)]
        return there[number % len(there) :][:2] if there else []

    def is_there(self, data: bytes) -> bool:
        rows = self.house.sql(
            "select count(*) from link where content_id = ? and gone_at is null", self.house.id_of(data)
        )
        return bool(rows[0])

    async def take(self, step: Step) -> None:
        """Let one thing happen."""
        house = self.house
        house.clock.move(step.days * DAY // 4)
        parts = self.some(step.number)
        if step.kind == "image":
            self.pushed.append(await house.image(step.tag, name=f"i{step.number}"))
        elif step.kind == "bare":
            self.pushed.append(await house.image(name=f"b{step.number}"))
        elif step.kind in ("index", "nested") and parts:
            tags = [step.tag] if step.kind == "index" else []
            await self.put(index(*parts, annotations={"n": str(step.number)}), *tags)
        elif step.kind == "docker":
            await self.docker(step)
        elif step.kind == "referrer" and parts:
            self.pushed.append(await house.image(name=f"r{step.number}", subject=parts[0]))
        elif step.kind == "delete" and step.tag in self.keeper.tags():
            await house.deletion.tag(house.may_delete(), Tag(step.tag))
        elif step.kind == "pull" and parts:
            self.keeper.last_use.pulled(REPO, Digest.of(parts[0]), Digest.of(parts[0]))
        elif step.kind == "wait":
            house.clock.move(step.days * DAY)
        house.clock.move(1)

    async def put(self, data: bytes, *tags: str, media_type: str = "") -> None:
        await self.house.manifest(data, *tags, media_type=media_type)
        self.pushed.append(data)

    async def docker(self, step: Step) -> None:
        """A Docker list over an image of its own."""
        config, layer = f'{{"docker":{step.number}}}'.encode(), f"docker layer {step.number}".encode()
        for each in (config, layer):
            await self.house.blob(each)
        child = image(config, layer).replace(b"application/vnd.oci.image.manifest.v1+json", DOCKER_IMAGE.encode())
        await self.put(child)
        document = {
            "schemaVersion": 2,
            "mediaType": DOCKER_LIST,
            "manifests": [descriptor(child, DOCKER_IMAGE, platform={"architecture": "amd64", "os": "linux"})],
        }
        await self.put(json.dumps(document).encode(), step.tag, media_type=DOCKER_LIST)

    async def pull_whole(self, reference: str) -> int:
        """Pull a manifest with everything below it, as clients do for every platform; how many things that was."""
        document = json.loads((await self.house.get(reference)).data)
        count = 1
        for child in document.get("manifests", []):
            count += await self.pull_whole(child["digest"])
        for blob in [document["config"], *document["layers"]] if "layers" in document else []:
            assert Digest.of(await self.house.read(blob["digest"])) == blob["digest"]
            count += 1
        for referrer in await self.house.referrers((await self.house.get(reference)).data):
            count += await self.pull_whole(str(referrer))
        return count


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=steps, rules=policies())
def test_the_dry_run_is_the_run_and_what_is_kept_pulls(history: list[Step], rules: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        Place(Path(place)).run(lambda house: scenario(house, history, rules), window=1_000_000, lease=1)


async def scenario(house: House, history: list[Step], rules: list[dict[str, Any]]) -> None:
    keeper = Keeper(house)
    await keeper.last_use.begin()
    world = World(house, keeper)
    for step in history:
        await world.take(step)
    await keeper.last_use.flush()
    keeper.rules(*rules)
    before = keeper.tags()
    plan = await keeper.plan()
    items = await keeper.items(plan)
    going = {each.name for each in items if each.verdict == 0 and each.name}
    buried = {each.digest for each in items if each.verdict == 0 and not each.name}
    assert keeper.tags() == before, "a plan changes nothing"
    whole = {tag: await world.pull_whole(tag) for tag in before if tag not in going}
    plan = await keeper.apply(plan)
    assert (plan.dropped, plan.skipped) == (len(going) + len(buried), 0)
    assert plan.freed == plan.bytes
    assert keeper.tags() == [tag for tag in before if tag not in going]
    # And once the window is over and the collector was here.
    house.clock.move(10 * DAY)
    for _ in range(4):
        await Collect(house.db, house.settings).run()
        house.clock.move(DAY)
    assert {tag: await world.pull_whole(tag) for tag in whole} == whole
    for digest in buried:
        try:
            await house.get(str(digest))
        except ManifestUnknown:
            continue
        raise AssertionError(f"{digest} was dropped, and is there")


def test_many_pages_and_one_decide_alike() -> None:
    """What a plan finds does not depend on how many rows it reads at once."""
    history = [Step("image", TAGS[n % 6], n % 8, n % 5) for n in range(12)]
    rules = [rule(1, "drop", {}, {"n": 2}), rule(2, "keep", {"tags": ["1.*"]}, {"n": 1, "by": "version"})]

    async def decided(house: House, page: int) -> list[tuple[str, int, str]]:
        keeper = Keeper(house)
        world = World(house, keeper)
        for step in history:
            await world.take(step)
        keeper.rules(*rules)
        made = await house.db.write(lambda unit: new_plan(unit, "team", None, Cause.ASKED, "user:a"))
        plan = await keeper.row(made)
        (row,) = await house.db.all(store.REPOSITORIES, after="", low="team", high="team0", limit=2)

        async def told(_done: int, _total: int) -> None:
            await asyncio.sleep(0)

        await Planner(house.db, house.objects, house.settings, page).repository(plan, row, told)
        return [(each.name, each.verdict, each.rule) for each in await keeper.items(plan)]

    found = []
    for page in (1, 2, 3, 100):
        with tempfile.TemporaryDirectory() as place:
            found.append(Place(Path(place)).run(partial(decided, page=page)))
    assert found[0]
    assert all(each == found[0] for each in found)
