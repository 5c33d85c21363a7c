"""What runs: kept under every name that reaches it; what is not known keeps everything."""

from __future__ import annotations

import pytest
from tests.registry.house import REPO, START, House, Place, index
from tests.retention.place import DAY, Keeper

from holdfast.access.errors import Denied, Invalid, Unknown
from holdfast.access.model import UNCHECKED, PathPermit
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import Circumstances
from holdfast.journal.model import Origin
from holdfast.oci.digest import Digest
from holdfast.retention import applying
from holdfast.retention.inventory import MOST_IMAGES, Inventories
from holdfast.retention.references import Image, parse_image

ALL = {"name": "all", "action": "drop"}
RUNS = {"name": "runs", "action": "keep", "in_use": ["prod"]}
D = "sha256:" + "a" * 64


def may(house: House, path: str = "team", rights: Rights = Rights.EVERYTHING) -> PathPermit:
    return PathPermit(house.who, path, UNCHECKED, Origin("test"), rights, Circumstances("", START))


@pytest.mark.parametrize(
    ("text", "image"),
    [
        (D, Image(D)),
        (f"registry.example:5000/team/app:v1@{D}", Image(D, "team/app", "v1")),
        (f"docker-pullable://registry.example/team/app@{D}", Image(D, "team/app")),
        ("localhost/team/app:v1", Image("", "team/app", "v1")),
        ("team/app", Image("", "team/app", "latest")),
        ("registry.example/app", Image("", "app", "latest")),
        ("nginx:1.2", Image("", "nginx", "1.2")),
        ("Bad/Name", None),
        ("", None),
        ("sha256:short", None),
        (f"a@{D}x", None),
    ],
)
def test_references_of_all_forms_are_read(text: str, image: Image | None) -> None:
    assert parse_image(text) == image


def test_what_runs_is_kept_by_digest_by_child_by_configuration_and_by_tag(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper, told = Keeper(house), Inventories(house.db)
        one = await house.image("one", name="one")
        child = await house.image(name="child")
        await house.manifest(index(child), "multi")
        await house.image("configured", name="configured")
        await house.image("named", name="named")
        await house.image("idle", name="idle")
        keeper.rules(ALL, RUNS)
        found = await told.tell(
            may(house),
            "prod",
            [
                f"registry.example/{REPO}@{Digest.of(one)}",
                Digest.of(child),
                Digest.of(b'{"name":"configured"}'),
                f"registry.example/{REPO}:named",
                "registry.example/other:idle",
                "no image!",
            ],
        )
        assert (found.images, found.ignored) == (5, ("no image!",))
        plan = await keeper.plan()
        assert await keeper.drops(plan) == ["idle"]
        assert set(await keeper.kept(plan)) == {"one", "multi", "configured", "named"}
        # Told anew, without most of it: the plan that was made before keeps nothing but what runs by now.
        await told.tell(may(house), "prod", [f"x.example/{REPO}:idle"])
        plan = await keeper.apply(plan)
        assert [each.skipped for each in await keeper.items(plan) if each.verdict == 0] == [applying.RUNS]
        plan = await keeper.plan()
        assert await keeper.drops(plan) == ["configured", "multi", "named", "one"]

    place.run(scenario)


def test_what_nobody_told_and_what_is_stale_keeps_everything(place: Place) -> None:
    async def scenario(house: House) -> None:
        keeper, told = Keeper(house), Inventories(house.db)
        await house.image("v1")
        keeper.rules(ALL, RUNS)
        (item,) = await keeper.items(await keeper.plan())
        assert (item.verdict, item.rule) == (1, "runs")
        assert "nobody told what runs in prod" in item.reason
        await told.tell(may(house), "prod", [])
        assert await keeper.drops(await keeper.plan()) == ["v1"]
        house.clock.move(DAY + 1)
        (item,) = await keeper.items(await keeper.plan())
        assert item.verdict == 1
        assert "stale: prod" in item.reason
        keeper.rules(ALL, RUNS, inventory_expires="2d")
        assert await keeper.drops(await keeper.plan()) == ["v1"]
        await told.remove(may(house), "prod")
        assert await keeper.drops(await keeper.plan()) == []
        # A source of another path says nothing of this one; one of a path above does.
        await told.tell(may(house, "other"), "prod", [])
        assert await keeper.drops(await keeper.plan()) == []
        await told.tell(may(house, ""), "prod", [])
        assert await keeper.drops(await keeper.plan()) == ["v1"]

    place.run(scenario)


def test_sources_are_listed_bounded_and_guarded(place: Place) -> None:
    async def scenario(house: House) -> None:
        told = Inventories(house.db)
        await told.tell(may(house), "prod", [D])
        await told.tell(may(house), "prod", [f"team/app:t{n}" for n in range(700)])
        ((_, found),) = await told.list(may(house))
        assert (found.path, found.source, found.images, found.at) == ("team", "prod", 700, START)
        nobody = Rights("user:x", (), {})
        assert await told.list(may(house, rights=nobody)) == []
        with pytest.raises(Denied):
            await told.tell(may(house, rights=nobody), "prod", [])
        with pytest.raises(Denied):
            await told.remove(may(house, rights=nobody), "prod")
        with pytest.raises(Unknown):
            await told.remove(may(house), "none")
        with pytest.raises(Invalid):
            await told.tell(may(house), "no source", [])
        with pytest.raises(Invalid):
            await told.tell(may(house), "prod", [D] * (MOST_IMAGES + 1))
        assert house.journal().count("inventory.told") == 2

    place.run(scenario)
