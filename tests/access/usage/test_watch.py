"""What is told of requests reaches the aggregates and the journal: in batches, bounded, on both engines."""

from __future__ import annotations

import asyncio
import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.db.engines import Engine, make_engine, run

from holdfast.access.model import ANONYMOUS, Credential, CredentialKind, Identity, Subject
from holdfast.access.policy.decide import Rights
from holdfast.access.policy.model import Action, Conditions, Effect, Grant, Grantee, GranteeKind
from holdfast.access.usage import folds, watch
from holdfast.access.usage.folds import MINUTE, Folds
from holdfast.access.usage.granting import WRITTEN_AGAIN
from holdfast.access.usage.model import agent_name, claims_text, groups_text, network_of
from holdfast.access.usage.watch import Watch
from holdfast.db.errors import ReadOnly
from holdfast.db.mode import switch
from holdfast.db.port import Database, Unit
from holdfast.db.query import Command, Query
from holdfast.journal.model import ChangeKind, Origin

NOON = 1_800_000_000_000_000
NOBODY = Identity(ANONYMOUS, 1, Rights("anonymous", [], {}))
ALICE = Identity(
    Subject(7, "alice"),
    1,
    Rights("user:alice", [], {}),
    Credential(CredentialKind.KEY, 12, {"ref": "main", "jti": "x"}),
)
HERE = Origin("r1", "192.0.2.9", "containerd/1.7 (linux)")


class UseRow(NamedTuple):
    subject: str
    groups: str
    credential: str
    claims: str
    network: str
    agent: str
    action: str
    repository: str
    reference: str
    allowed: bool
    times: int
    first_at: int
    last_at: int


class DayRow(NamedTuple):
    allowed_rows: int
    denied_rows: int
    lost: int


class GrantUsed(NamedTuple):
    id: int
    used_at: int | None


class Row(NamedTuple):
    actor: str
    request: str
    kind: str
    data: str
    origin: str | None
    path: str | None


USES = Query(
    """
    select subject, groups, credential, claims, network, agent, action, repository, reference, allowed,
      count as times, first_at, last_at
    from access_use order by repository, reference, allowed
    """,
    UseRow,
)
DAYS = Query("select allowed_rows, denied_rows, count as lost from access_use_overflow", DayRow)
JOURNAL = Query("select actor, request, kind, data, origin, path from journal order by id", Row)
GROUP = Command("insert into user_group (id, name, made_at, made_by, changed) values (3, 'dev', 1, 'x', 1)")
ACCOUNT = Command("insert into account (id, name, kind, made_at, changed) values (7, 'alice', 0, 1, 1)")
MEMBER = Command("insert into membership (group_id, account_id) values (3, 7)")


class Clock:
    """The time of a test."""

    now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


def facts(row: Row) -> dict[str, object]:
    return dict(json.loads(row.data))


def test_use_is_counted_once_a_kind_and_day(engine: Engine) -> None:
    clock = Clock()

    async def scenario(db: Database) -> None:
        async def people(unit: Unit) -> None:
            for command in (ACCOUNT, GROUP, MEMBER):
                await unit.run(command)

        await db.write(people)
        seen = Watch(db)
        for _ in range(3):
            clock.now += 1
            seen.used(ALICE, HERE, Action.PULL, "team/app", "v1")
        seen.used(NOBODY, HERE, Action.PULL, "team/app")
        await seen.flush()
        clock.now += 1
        seen.used(ALICE, HERE._replace(address="192.0.2.200", agent="containerd/2.0"), Action.PULL, "team/app", "v1")
        await seen.flush()
        anonymous, alice = await db.all(USES)
        assert anonymous[:3] == ("anonymous", "[]", "")
        assert alice == (
            *("user:alice", '["dev"]', "key:12", '{"ref":"main"}', "192.0.2.0/24", "containerd"),
            *("pull", "team/app", "v1", True, 4, NOON + 1, NOON + 4),
        )
        assert await db.all(DAYS) == [(2, 0, 0)]
        assert await db.all(JOURNAL) == [], "what is permitted is no entry of the journal"

    run(engine, scenario, clock)


def test_a_day_and_a_process_are_bounded_and_say_what_found_no_room(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "ALLOWED_PENDING", 8)

    async def scenario(db: Database) -> None:
        seen = Watch(db, rows=5)
        for i in range(10):
            seen.used(NOBODY, HERE, Action.PULL, f"team/{i}", "v1")
        for i in range(3):
            seen.denied(NOBODY, HERE, Action.PULL, f"hidden/{i}", "v1", "no")
        await seen.flush()
        assert await db.all(DAYS) == [(5, 1, 3 + 2 + 2)]
        seen.used(NOBODY, HERE, Action.PULL, "team/0", "v1")
        await seen.flush()
        assert sum(row.times for row in await db.all(USES)) == 7, "what has a row is counted in a full day, too"

    run(engine, scenario, Clock())


def test_equal_denials_are_one_row_at_once_and_one_at_the_end_of_the_minute(engine: Engine) -> None:
    clock = Clock()

    async def scenario(db: Database) -> None:
        seen = Watch(db)

        def refuse(request: str, reference: str = "v1") -> None:
            origin = Origin(request, "192.0.2.9", "docker/27")
            seen.denied(ALICE, origin, Action.PULL, "team/app", reference, "no rule of yours")

        refuse("r1")
        refuse("r2")
        await seen._tell(everything=False)
        (row,) = await db.all(JOURNAL)
        assert row[:3] == ("user:alice", "r1", "access.denied")
        assert row.path == "team/app"
        assert json.loads(row.origin or "") == {"address": "192.0.2.9", "agent": "docker/27", "credential": "key:12"}
        assert facts(row) == {
            "action": "pull",
            "repository": "team/app",
            "reference": "v1",
            "reason": "no rule of yours",
            "count": 2,
            "first_at": NOON,
            "last_at": NOON,
        }
        for i in range(50):
            clock.now += 1_000_000
            refuse(f"s{i}")
            await seen._tell(everything=False)
        assert len(await db.all(JOURNAL)) == 1
        refuse("other", "v2")
        clock.now = NOON + MINUTE
        await seen._tell(everything=False)
        rows = await db.all(JOURNAL)
        assert [(facts(row)["reference"], facts(row)["count"]) for row in rows] == [("v1", 2), ("v1", 50), ("v2", 1)]
        await seen.flush()
        assert len(await db.all(JOURNAL)) == 3

    run(engine, scenario, clock)


def test_log_ins_fold_likewise(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        seen = Watch(db)
        for _ in range(4):
            seen.login("user:alice", HERE, ok=False, why="wrong password")
        seen.login("user:alice", HERE, ok=True)
        await seen.flush()
        failed, good = await db.all(JOURNAL)
        assert (failed.kind, facts(failed)["count"], facts(failed)["reason"]) == ("login.failed", 4, "wrong password")
        assert (good.kind, facts(good)["count"], good.path) == ("login.succeeded", 1, "")

    run(engine, scenario, Clock())


def test_what_the_database_does_not_take_is_kept(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        seen = Watch(db)
        seen.used(NOBODY, HERE, Action.PULL, "team/app", "v1")
        seen.denied(NOBODY, HERE, Action.PULL, "hidden", "v1", "no")
        await switch(db, "maintenance", "admin")
        for _ in range(2):
            with pytest.raises(ReadOnly):
                await seen.flush()
            with pytest.raises(ReadOnly):
                await seen._store()
        seen.used(NOBODY, HERE, Action.PULL, "team/app", "v1")
        await switch(db, None, "admin")
        await seen.flush()
        assert [row.times for row in await db.all(USES)] == [1, 2]
        assert [facts(row)["count"] for row in await db.all(JOURNAL)] == [1]

    run(engine, scenario, Clock())


def test_the_loop_stores_what_is_left_when_it_ends(tmp_path: Path) -> None:
    async def scenario(db: Database) -> None:
        seen = Watch(db)
        seen.used(NOBODY, HERE, Action.PULL, "team/app", "v1")
        task = asyncio.create_task(seen.run())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert len(await db.all(USES)) == 1

    run(make_engine("sqlite", tmp_path), scenario)


def test_an_attack_is_a_bounded_number_of_rows_and_hides_nobody_else() -> None:
    told = Folds()
    for i in range(100_000):
        told.add(ChangeKind.LOGIN_FAILED, "unknown", Origin(f"r{i}", "203.0.113.5"), NOON, reason=str(i))
    told.add(ChangeKind.LOGIN_FAILED, "user:bob", Origin("b", "192.0.2.1"), NOON, reason="wrong password")
    rows = told.due(NOON)
    assert len(rows) == folds.MOST_FROM_ONE + 2
    (various,) = (row for row in rows if row.actor == folds.VARIOUS)
    assert various.origin.address == "203.0.113.0/24"
    assert sum(int(str(row.data["count"])) for row in rows) == 100_001
    assert rows[-1].actor == "user:bob"
    for i in range(100_000):
        told.add(ChangeKind.LOGIN_FAILED, "unknown", Origin("r", f"10.{i >> 8}.{i & 255}.1"), NOON, reason="x")
    assert len(told) <= folds.MOST + 1
    told.due(NOON + MINUTE)
    assert len(told) == 0


def test_hostile_text_is_taken_by_every_database(engine: Engine) -> None:
    async def scenario(db: Database) -> None:
        seen = Watch(db)
        evil = "a\0b\ud800\r\n\x1b[31m" + "x" * 70_000
        who = Identity(
            Subject(7, evil), 1, Rights(evil, [], {}), Credential(CredentialKind.FEDERATION, 1, {evil: evil})
        )
        seen.used(who, Origin(evil, evil, evil, evil), Action.PULL, evil, evil)
        seen.denied(who, Origin(evil, evil, evil, evil), Action.PULL, evil, evil, evil)
        seen.login(evil, Origin(evil, evil, evil, evil), ok=False, why=evil)
        await seen.flush()
        assert all(len(str(cell)) <= 5000 for row in await db.all(USES) for cell in row)
        assert all(len(str(cell)) <= 5000 for row in await db.all(JOURNAL) for cell in row)

    run(engine, scenario, Clock())


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unix", ""),
    ],
)
def test_addresses_are_kept_as_blocks(address: str, block: str) -> None:
    assert network_of(address) == block


def test_agents_are_kept_by_name_and_claims_without_what_is_new_in_every_token() -> None:
    assert agent_name("docker/27.1 go/go1.21 UpstreamClient(x)") == "docker"
    assert agent_name("regclient/regsync (v0.8.3)") == "regclient/regsync"
    assert agent_name("trivy/v0.64.0") == "trivy"
    assert agent_name("x/unknown/1") == "x/unknown"
    assert agent_name("") == ""
    assert json.loads(claims_text({"ref": "refs/heads/main", "jti": "1", "exp": "2"})) == {"ref": "refs/heads/main"}
    assert json.loads(claims_text({"ref": "main", "long": "x" * 5000})) == {"ref": "main"}
    assert groups_text([f"corp/group-{i}" for i in range(1000)]) == "*"


GRANTED = Query("select id, used_at from access_grant order by id", GrantUsed)
_ADD_GRANT = Command(
    """
    insert into access_grant (id, effect, subject_kind, subject_id, repository, home, made_at, made_by)
    values (:id, 0, 1, 7, 'x', 'x', 1, 'x')
    """
)


_DROP_GRANT = Command("delete from access_grant where id = 8")


def granted(id: int, actions: set[Action], repository: str, tag: str | None = None, **more: Any) -> Grant:
    """A grant to alice, or with `effect` a deny."""
    effect = more.pop("effect", Effect.ALLOW)
    to = Grantee(GranteeKind.ACCOUNT, 7, "user:alice")
    return Grant(id, effect, to, "some", frozenset(actions), repository, tag, **more)


def test_each_grant_that_allowed_something_is_marked_and_each_deny_that_refused(engine: Engine) -> None:
    clock = Clock()
    elsewhere = Conditions(networks=(ip_network("10.0.0.0/8"),))
    grants = [
        granted(1, {Action.PULL}, "team/**"),
        granted(2, {Action.PULL}, "team/app", "v*"),
        granted(3, {Action.PULL}, "team/app", "w*"),
        granted(4, {Action.PULL}, "team/**", conditions=elsewhere),
        granted(5, {Action.DELETE_TAG}, "team/**"),
        granted(6, {Action.DELETE_TAG}, "team/**", effect=Effect.DENY),
        granted(7, {Action.PULL}, "other/**"),
    ]
    alice = Identity(Subject(7, "alice"), 1, Rights("user:alice", grants, {}), Credential(CredentialKind.KEY, 12))

    async def scenario(db: Database) -> None:
        async def people(unit: Unit) -> None:
            await unit.run(ACCOUNT)
            for id in range(1, 9):
                await unit.run(_ADD_GRANT, id=id)

        await db.write(people)
        seen = Watch(db)
        seen.used(alice, HERE, Action.PULL, "team/app", "v1")
        seen.denied(alice, HERE, Action.DELETE_TAG, "team/app", "v1", "denied")
        await seen.flush()
        assert await db.all(GRANTED) == [
            *((1, NOON), (2, NOON), (3, None), (4, None), (5, None), (6, NOON), (7, None), (8, None))
        ]
        clock.now += WRITTEN_AGAIN - 1
        seen.used(alice, HERE, Action.PULL, "team/app", f"sha256:{'0' * 64}")
        await seen.flush()
        marked = {row.id: row.used_at for row in await db.all(GRANTED)}
        assert marked[1] == marked[2] == NOON, "not again within ten minutes"
        assert marked[3] == clock.now, "what a digest was reached by is not known"
        clock.now += 1
        seen.used(alice, HERE._replace(address="10.1.2.3"), Action.PULL, "team/app", "x")
        await db.write(lambda unit: unit.run(_DROP_GRANT))
        await seen.flush()
        marked = {row.id: row.used_at for row in await db.all(GRANTED)}
        assert marked[1] == marked[4] == clock.now
        assert marked[2] == NOON
        assert 8 not in marked

    run(engine, scenario, clock)
