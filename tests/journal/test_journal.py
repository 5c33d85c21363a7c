"""The journal: what is recorded with a change comes and goes with it."""

from __future__ import annotations

import ast
import json
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.db.engines import Sqlite, run

import holdfast
from holdfast.db.port import Database, Unit
from holdfast.db.query import Query
from holdfast.journal.model import ChangeKind, Origin
from holdfast.journal.service import Place, record


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
PLACE = Place(7, 3, 1234)


async def note(unit: Unit, **data: object) -> None:
    await record(unit, ChangeKind.TAG_MOVED, PLACE, actor="user:admin", origin=Origin("r1"), data=data)


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


def test_kinds_are_never_renamed() -> None:
    """Audits, events and webhooks read them; a new one is added here."""
    assert [str(kind) for kind in ChangeKind] == [
        "manifest.pushed",
        "manifest.deleted",
        "tag.moved",
        "tag.deleted",
        "blob.deleted",
        "content.damaged",
        "content.repaired",
        "damage.repaired",
        "litter.deleted",
        "user.created",
        "user.changed",
        "user.disabled",
        "user.enabled",
        "user.deleted",
        "password.changed",
        "robot.created",
        "robot.changed",
        "robot.disabled",
        "robot.enabled",
        "robot.deleted",
        "key.created",
        "key.rotated",
        "key.revoked",
        "group.created",
        "group.deleted",
        "member.added",
        "member.removed",
        "role.created",
        "role.changed",
        "role.deleted",
        "grant.added",
        "grant.removed",
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
        "audit.archived",
    ]


def test_nothing_updates_or_deletes_a_row() -> None:
    """The journal is append-only: its sealer alone will set `pos`."""
    root = Path(holdfast.__file__).parent
    for path in root.rglob("store.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words = node.value.lower().split()
                pairs = set(pairwise(words))
                assert not pairs & {("update", "journal"), ("from", "journal")} or "select" in words, path
