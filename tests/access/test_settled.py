"""An answer that only reads is proven once, at its end (access/standing.py): what rests on a right that ended is never
told, and nothing but reading is put off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.access.place import ADD, DISABLE, change_account, with_admin

from holdfast.access.errors import Denied, StalePermit
from holdfast.access.model import UNCHECKED, Identity, PathPermit, Subject
from holdfast.access.permits import path
from holdfast.access.policy.decide import Rights
from holdfast.access.standing import check_permit, check_reading, reading, settled
from holdfast.access.store import POLICY_VERSION
from holdfast.db.port import Database, Unit
from holdfast.db.query import Command, Query
from holdfast.journal.model import Origin

HERE = Origin("here")


class Text(NamedTuple):
    """What a row says."""

    description: str


WRITE = Command(
    """
    insert into namespace (path, description, made_at, made_by) values ('team', :text, 1, 'user:a')
    on conflict (path) do update set description = excluded.description
    """
)
READ = Query("select description from namespace where path = 'team'", Text)


class Scene:
    """Two accounts, and a text that one of them may read."""

    def __init__(self, db: Database, who: Identity) -> None:
        self.db = db
        self.who = who

    async def write(self, text: str) -> None:
        """Put a text there."""

        async def work(unit: Unit) -> None:
            await unit.run(WRITE, text=text)

        await self.db.write(work)

    async def end(self, name: str = "user") -> None:
        """End what somebody may do, then put there what he may not know."""
        await change_account(self.db, DISABLE, name=name)
        await self.write("secret")

    async def read(self, permit: PathPermit) -> str:
        """A service that reads."""
        await check_reading(self.db, permit)
        row = await self.db.one(READ)
        return row.description if row is not None else ""


def play(tmp_path: Path, scenario: Callable[[Scene], Awaitable[None]]) -> None:
    async def main(db: Database) -> None:
        for name in ("user", "other"):
            await change_account(db, ADD, name=name, password="none")
        version = await db.one(POLICY_VERSION)
        assert version is not None
        scene = Scene(db, Identity(Subject(2, "user"), version.version, Rights.EVERYTHING))
        await scene.write("open")
        await scenario(scene)

    with_admin(tmp_path, main)


@pytest.mark.parametrize("when", range(4))
def test_what_was_read_around_the_end_of_a_right_is_not_told(tmp_path: Path, when: int) -> None:
    """Wherever between the reads of an answer the right ends."""

    async def scenario(scene: Scene) -> None:
        who = reading(scene.who)

        async def answer() -> list[str]:
            found = []
            for number in range(3):
                if number == when:
                    await scene.end()
                found.append(await scene.read(path(who, "team", HERE, 1)))
            if when == 3:
                await scene.end()
            return found

        with pytest.raises(StalePermit):
            await settled(scene.db, who, answer)

    play(tmp_path, scenario)


def test_a_refusal_is_proven_as_well(tmp_path: Path) -> None:
    """Else it would tell what is there to who may not know any more, or refuse who may by now."""

    async def scenario(scene: Scene) -> None:
        who = reading(scene.who)

        async def answer() -> None:
            await scene.end()
            raise Denied(await scene.read(path(who, "team", HERE, 1)))

        with pytest.raises(StalePermit):
            await settled(scene.db, who, answer)

        async def refused() -> None:
            raise Denied("there was nothing to read")

        with pytest.raises(Denied):
            await settled(scene.db, reading(scene.who), refused)

    play(tmp_path, scenario)


def test_an_answer_stands_while_what_changes_is_others(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        who = reading(scene.who)

        async def answer() -> str:
            await change_account(scene.db, DISABLE, name="other")
            return await scene.read(path(who, "team", HERE, 1))

        assert await settled(scene.db, who, answer) == "open"

    play(tmp_path, scenario)


def test_only_reading_is_put_off(tmp_path: Path) -> None:
    """A unit proves what it was decided by at once, whoever asks for it."""

    async def scenario(scene: Scene) -> None:
        who = reading(scene.who)
        permit = path(who, "team", HERE, 1)
        await scene.end()

        async def change(unit: Unit) -> None:
            await check_permit(unit, permit)
            await unit.run(WRITE, text="changed")

        for holder in (permit, who):
            with pytest.raises(StalePermit):
                await check_permit(scene.db, holder)
        with pytest.raises(StalePermit):
            await scene.db.write(change)
        assert await scene.db.one(READ) == Text("secret")

    play(tmp_path, scenario)


def test_without_a_promise_to_prove_each_read_is_proven(tmp_path: Path) -> None:
    """As for the API; and what one answer owes says nothing of another's."""

    async def scenario(scene: Scene) -> None:
        first, second = reading(scene.who), reading(scene.who)
        await scene.read(path(first, "team", HERE, 1))
        assert first.proof is not None
        assert second.proof is not None
        assert first.proof.owed
        assert not second.proof.owed
        assert scene.who.proof is None
        await scene.end()
        with pytest.raises(StalePermit):
            await scene.read(path(scene.who, "team", HERE, 1))

    play(tmp_path, scenario)


def test_with_everything_open_there_is_nothing_to_prove(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        who = reading(Identity(Subject(0, "anonymous"), UNCHECKED, Rights.EVERYTHING))
        await scene.end()
        assert await settled(scene.db, who, lambda: scene.read(path(who, "team", HERE, 1))) == "secret"

    play(tmp_path, scenario)
