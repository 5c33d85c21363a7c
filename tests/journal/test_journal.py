"""The journal: what is recorded with a change comes and goes with it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.db.engines import Sqlite, run
from tests.db.statements import constants

from holdfast.db.port import Database, Unit
from holdfast.db.query import Query
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import Place, record
from holdfast.journal.service import note as note_change
from holdfast.journal.store import PLACE


class Row(NamedTuple):
    pos: int | None
    repo_id: int
    seq: int
    at: int
    actor: str
    request: str
    kind: str
    data: str


JOURNAL = Query("select pos, repo_id, seq, at, actor, request, kind, data from journal order by id", Row)


class PathRow(NamedTuple):
    path: str | None


PATHS = Query("select path from journal order by id", PathRow)
HERE = Place(7, 3, 1234)


async def note(unit: Unit, **data: object) -> None:
    await record(unit, ChangeKind.TAG_MOVED, HERE, actor="user:admin", origin=Origin("r1"), data=data)


def test_a_change_is_one_row(tmp_path: Path) -> None:
    async def scenario(db: Database) -> None:
        await db.write(lambda unit: note(unit, tag="v1", digest="sha256:ü", n=1))
        (row,) = await db.all(JOURNAL)
        assert row[:-1] == (None, 7, 3, 1234, "user:admin", "r1", "tag.moved")
        assert json.loads(row.data) == {"tag": "v1", "digest": "sha256:ü", "n": 1}
        assert row.data.index('"digest"') < row.data.index('"n"') < row.data.index('"tag"'), "keys are sorted"

    run(Sqlite(tmp_path / "holdfast.db"), scenario)


def test_what_is_rolled_back_is_not_recorded(tmp_path: Path) -> None:
    async def fail(unit: Unit) -> None:
        await note(unit)
        raise LookupError

    async def scenario(db: Database) -> None:
        with pytest.raises(LookupError):
            await db.write(fail)
        assert await db.all(JOURNAL) == []

    run(Sqlite(tmp_path / "holdfast.db"), scenario)


KINDS = [
    "manifest.pushed",
    "manifest.deleted",
    "tag.moved",
    "image.promoted",
    "tag.deleted",
    "blob.deleted",
    "manifest.undeleted",
    "tag.undeleted",
    "blob.undeleted",
    "rollback.applied",
    "content.damaged",
    "content.repaired",
    "damage.repaired",
    "quota.warned",
    "quota.exceeded",
    "quota.changed",
    "litter.deleted",
    "user.created",
    "user.changed",
    "user.disabled",
    "user.enabled",
    "user.deleted",
    "password.changed",
    "second-factor.enabled",
    "second-factor.disabled",
    "recovery-code.used",
    "recovery-codes.renewed",
    "robot.created",
    "robot.changed",
    "robot.disabled",
    "robot.enabled",
    "robot.deleted",
    "key.created",
    "key.rotated",
    "key.revoked",
    "key.slowed",
    "key.suspended",
    "key.resumed",
    "group.created",
    "group.deleted",
    "member.added",
    "member.removed",
    "role.created",
    "role.changed",
    "role.deleted",
    "grant.added",
    "grant.removed",
    "access-request.created",
    "access-request.approved",
    "access-request.declined",
    "access-request.withdrawn",
    "invitation.created",
    "invitation.accepted",
    "invitation.revoked",
    "namespace.created",
    "namespace.changed",
    "namespace.deleted",
    "namespace.restored",
    "repository.created",
    "repository.changed",
    "repository.deleted",
    "repository.restored",
    "content.purged",
    "purge.lifted",
    "setting.changed",
    "retention.applied",
    "inventory.told",
    "inventory.removed",
    "visibility.changed",
    "token-key.rotated",
    "session.started",
    "session.ended",
    "issuer.added",
    "issuer.changed",
    "issuer.removed",
    "federation-rule.added",
    "federation-rule.removed",
    "provider.added",
    "provider.changed",
    "provider.removed",
    "login.succeeded",
    "login.failed",
    "access.denied",
    "access.unusual",
    "canary.touched",
    "canary.added",
    "canary.removed",
    "alert.closed",
    "audit.archived",
    "collection.started",
    "collection.finished",
    "webhook.created",
    "webhook.changed",
    "webhook.rotated",
    "webhook.enabled",
    "webhook.disabled",
    "webhook.deleted",
    "webhook.tested",
    "webhook.redelivered",
    "webhook.failing",
    "webhook.recovered",
    "history.cut",
    "backup.made",
    "installation.restored",
]


def test_kinds_are_never_renamed() -> None:
    """Audits, events and webhooks read them; a new one is added here."""
    assert [str(kind) for kind in ChangeKind] == KINDS


def test_nothing_changes_a_row_but_the_sealer_and_what_drops_what_was_archived() -> None:
    changing = [
        each.name
        for each in constants()
        if re.search(r"\b(update|delete from)\s+journal\b", each.statement.text, re.IGNORECASE)
    ]
    assert changing == ["DROP_ROWS", "PLACE"]
    assert re.findall(r"(\w+) =", PLACE.text.partition("from")[0]) == ["pos", "path"]


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"namespace": "team"}, "team"),
        ({"repository": "team/app", "action": "pull"}, "team/app"),
        ({"scope": "team/*/x:prod-*"}, "team"),
        ({"scope": "**"}, ""),
        ({"home": "team", "repository": "team/**"}, "team"),
        ({"name": "x"}, ""),
    ],
)
def test_a_change_belongs_to_the_path_that_its_data_speaks_of(
    tmp_path: Path, data: dict[str, object], path: str
) -> None:
    async def scenario(db: Database) -> None:
        async def work(unit: Unit) -> None:
            for given in (None, "given"):
                await note_change(unit, ChangeKind.GRANT_ADDED, actor="a", origin=Origin("r"), data=data, path=given)

        await db.write(work)
        assert [row.path for row in await db.all(PATHS)] == [path, "given"]

    run(Sqlite(tmp_path / "holdfast.db"), scenario)
