"""A mover that is killed, or fails, anywhere: the old house is whole, and the next run ends what it began."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

import apsw
import pytest
from tests.backends import laid_database_url, sql
from tests.faults import oracle
from tests.faults.client import Caller, Interrupted, Ledger, Pushing, Refused, content
from tests.moving.homes import House, Mover, cluster, files, holdfast, move, moving, served
from tests.moving.test_move import push_image
from tests.moving.test_refusals import damage, lived_in, takes_writes
from tests.serving import pause

from holdfast.db.transfer_postgres import open_postgres_tables

STAGES = ("pass 1: rows", "pass 1: objects", "pass 2", "closing", "comparing", "references")
IN_A_DEAD_MOVERS_HANDS = """
update mode set read_only = 1, actor = 'migrate-storage to somewhere',
  reason = 'it is moving to another house (holdfast migrate-storage); writes go on in about a minute'
"""


def leave_dead(house: House) -> None:
    """Leave the house as a mover does that was killed in its last pass."""
    connection = apsw.Connection(str(house.data / "holdfast.db"))
    connection.set_busy_timeout(10_000)
    connection.execute(IN_A_DEAD_MOVERS_HANDS)
    connection.close()


def try_to_push(pushing: Pushing, number: int) -> None:
    """A push that is taken, or refused because of the move."""
    try:
        push_image(pushing, number, 20_000)
    except (Refused, Interrupted):
        return


@pytest.mark.parametrize("kind", ["files", pytest.param("cluster", marks=pytest.mark.slow)])
def test_killed_again_and_again(kind: str, tmp_path: Path) -> None:
    chance = random.Random(kind)
    old = files(tmp_path / "old")
    house = files(tmp_path / "new") if kind == "files" else cluster(tmp_path / "new", tmp_path / "none")
    own = {"HOLDFAST_ENCRYPTION_KEY_FILE": str(old.data / "master.key"), "HOLDFAST_ENCRYPTION_CONTENT": "off"}
    new = House(house.root, {**house.environment, **(own if kind == "cluster" else {})}, house.there)
    with served(old) as server, Caller(server.port) as caller:
        pushing = Pushing(caller, Ledger())
        for number in range(1, 12):
            push_image(pushing, number)
        pushing.leave_open("team/open", content(7_000, 300_000), 120_000)
        number = 100
        for stage in [*STAGES, *chance.choices(STAGES, k=4)]:
            number += 1
            with moving(old, new) as mover:
                mover.reaches(stage)
                pause(chance.choice((0, 0.005, 0.02)))
                mover.kill()
            try_to_push(pushing, number)
        outcome = move(old, new)
        with pytest.raises(Refused):
            pushing.put("team/app", content(8_000, 10))
    assert outcome["moved"] is True
    with served(new) as server:
        assert oracle.check(server.port, [pushing.ledger]) > 11 * 3
    holdfast(new, "verify", "--deep")


def test_a_dead_mover_is_named_and_given_up(tmp_path: Path) -> None:
    old, new = files(tmp_path / "old"), files(tmp_path / "new")
    with served(old) as server, Caller(server.port) as caller:
        pushing = Pushing(caller, Ledger())
        push_image(pushing, 1)
        leave_dead(old)
        answer = caller.ask("POST", f"/v2/team/app/blobs/uploads/?digest=sha256:{'0' * 64}", b"x")
        answer = caller.ask("PUT", "/v2/team/app/manifests/late", b"{}", Content_Type="application/json")
        answer = caller.ask("DELETE", "/v2/team/app/manifests/v1")
        assert answer.status == 503
        assert b"moving to another house (holdfast migrate-storage)" in answer.body
        said = move(old, new, "--abort")
        assert said["aborted"] is True
        assert said["was_read_only"] is True
        assert any(str(new.data) in each for each in said["remove"])
        push_image(pushing, 2)
        assert move(old, new, "--abort")["was_read_only"] is False


def test_a_run_lets_a_dead_movers_house_write_until_its_own_last_pass(tmp_path: Path) -> None:
    """Whatever stops the run early, the house takes writes."""
    old, new = lived_in(files(tmp_path / "old")), files(tmp_path / "new")
    damage(old)
    leave_dead(old)
    move(old, new, status=1)
    takes_writes(old)


def test_somebody_elses_switch_stays_as_it_is(tmp_path: Path) -> None:
    """An operator who closed the house finds it closed when the move fails."""
    old, new = lived_in(files(tmp_path / "old")), files(tmp_path / "new")
    path = damage(old)
    holdfast(old, "read-only", "on", "--reason", "inventory")
    move(old, new, status=1)
    assert "inventory" in holdfast(old, "read-only", "status")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    move(old, new)
    assert "moved to another house" in holdfast(old, "read-only", "status")
    assert "read-only since" not in holdfast(new, "read-only", "status")


def test_a_failure_in_the_last_pass_is_put_back(tmp_path: Path) -> None:
    old = lived_in(files(tmp_path / "old"))
    distant = cluster(tmp_path / "new", tmp_path / "none")
    credentials = {name: value for name, value in distant.environment.items() if name.startswith("AWS_")}
    new = House(distant.root, credentials, distant.there)
    url = distant.environment["HOLDFAST_DATABASE"]
    path = damage(old)
    move(old, new, status=1)
    sql(url, "create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$")
    sql(url, "create trigger refuse before insert on installation execute function refuse()")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    move(old, new, status=1)
    takes_writes(old)
    with served(old) as server, Caller(server.port) as caller:
        pushing = Pushing(caller, Ledger())
        push_image(pushing, 9)
    sql(url, "drop trigger refuse on installation")
    outcome = move(old, new)
    assert outcome["tables"]["tag"] == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_mover_that_is_asked_to_stop_leaves_things_in_order(number: signal.Signals, tmp_path: Path) -> None:
    old, new = lived_in(files(tmp_path / "old")), files(tmp_path / "new")
    mover = Mover(old, new)
    mover.reaches("closing")
    mover.process.send_signal(number)
    status = mover.process.wait(60)
    assert "Traceback" not in mover.said
    # The signal may have come when everything was moved already.
    closed = "moved to another house" in holdfast(old, "read-only", "status")
    assert closed or status != 0
    if not closed:
        takes_writes(old)
    assert move(old, new)["finished_before"] is closed


def test_one_mover_at_a_time(tmp_path: Path) -> None:
    old = lived_in(files(tmp_path / "old"))
    url = laid_database_url()

    async def main() -> None:
        other = await open_postgres_tables(url)
        try:
            assert await other.claim()
            new = House(tmp_path / "new", {}, ("--to-database", url))
            error = (await asyncio.to_thread(lambda: move(old, new, status=1)))["error"]
            assert "another `holdfast migrate-storage`" in error
        finally:
            await other.close()

    asyncio.run(main())
