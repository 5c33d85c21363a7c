"""What tests of rollback do: look, roll back, and compare tags."""

from __future__ import annotations

from tests.registry.house import REPO, SETTINGS, House
from tests.registry.paths import may_manage

from holdfast.access.model import PathPermit
from holdfast.oci.name import Tag
from holdfast.registry.history.rollback.model import Applied, Effect, Preview, Wish
from holdfast.registry.history.rollback.service import Rollback
from holdfast.registry.history.targets import read_target

ALL = may_manage("")


async def now(house: House) -> int:
    """An instant, with everything before it and nothing at it."""
    house.clock.move(100)
    found = house.clock.now
    house.clock.move(100)
    return found


async def preview(house: House, target: str, to: int, permit: PathPermit = ALL, **more: object) -> Preview:
    wish = Wish(read_target(target), to, **more)  # type: ignore[arg-type]
    return await Rollback(house.db, SETTINGS).preview(permit, wish, ("", ""), 1000)


async def roll_back(house: House, target: str, to: int, permit: PathPermit = ALL, **more: object) -> Applied:
    wish = Wish(read_target(target), to, **more)  # type: ignore[arg-type]
    return await Rollback(house.db, SETTINGS).apply(permit, wish)


async def effects(house: House, target: str, to: int, *grants: str, **more: object) -> dict[str, Effect]:
    found = await preview(house, target, to, may_manage("", *grants), **more)
    return {item.tag: item.effect for item in found.items}


def tags(house: House, repo: str = REPO) -> dict[str, str]:
    rows = house.sql(
        "select t.name, c.digest from tag t join content c on c.id = t.content_id "
        "join repository r on r.id = t.repo_id where r.path = ?",
        repo,
    )
    return dict(rows)


async def story(house: House) -> tuple[int, dict[str, str]]:
    """Tags that were moved, deleted and born after an instant; the instant, and what stood then."""
    await house.image("moved-1", "moved-2", "dead-1", "same-1", name="first")
    then = await now(house)
    stood = tags(house)
    await house.image("moved-1", "moved-2", "born-1", name="second")
    await house.deletion.tag(house.may_delete(), Tag("dead-1"))
    house.clock.move(100)
    return then, stood
