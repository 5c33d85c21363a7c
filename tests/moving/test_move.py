"""An installation moves while clients push: what was acknowledged is in the new house, byte for byte."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from tests.faults import oracle
from tests.faults.client import Caller, Ledger, Pushing, Refused, content, digest_of, manifest_of
from tests.faults.load import Pusher, acknowledged, wait_for
from tests.moving.homes import House, cluster, files, holdfast, master_key, move, moving, served
from tests.serving import pause

KINDS = ("files-cluster", "cluster-files", "sealed files-cluster", "sealed cluster-files")


class Watched(Pusher):
    """A pusher that notes when it was refused."""

    refused: float | None = None

    def _step(self, step: Callable[[], None]) -> None:
        before = self.interruptions
        super()._step(step)
        if self.interruptions > before and self.refused is None:
            self.refused = time.monotonic()


@contextmanager
def clients(port: int, count: int) -> Iterator[list[Pusher]]:
    """Clients that push until the block is left."""
    stopped = threading.Event()
    threads: list[Pusher] = [Watched(port, number, stopped, seed=7) for number in range(count)]
    try:
        for thread in threads:
            thread.start()
        yield threads
    finally:
        stopped.set()
        for thread in threads:
            thread.join(90)
    trouble = [each for thread in threads for each in thread.trouble]
    assert not trouble, "\n".join(trouble)


def until_refused(threads: list[Pusher]) -> None:
    """Wait until every client was refused."""
    for _ in range(6000):
        if all(isinstance(thread, Watched) and thread.refused is not None for thread in threads):
            return
        pause(0.005)
    raise AssertionError("the old house still takes writes")


def houses(kind: str, root: Path) -> tuple[House, House]:
    """The old house and the new one."""
    key = master_key(root / "key")
    sealed = kind.startswith("sealed ")
    made = {
        "files": lambda name: files(root / name, key if sealed else None),
        "cluster": lambda name: cluster(root / name, key, sealed=sealed),
    }
    old, new = kind.removeprefix("sealed ").split("-")
    house = made[new]("new")
    if not sealed:
        # Whichever key the old house has goes along: one that it made for itself, or one that it was given.
        own = root / "old" / "data" / "master.key" if old == "files" else key
        keys = {"HOLDFAST_ENCRYPTION_KEY_FILE": str(own), "HOLDFAST_ENCRYPTION_CONTENT": "off"}
        house = House(house.root, {**house.environment, **keys}, house.there)
    return made[old]("old"), house


@pytest.mark.parametrize("kind", [*(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS[:-1]), KINDS[-1]])
def test_nothing_acknowledged_is_lost(kind: str, tmp_path: Path) -> None:
    old, new = houses(kind, tmp_path)
    with served(old) as server, clients(server.port, 3) as threads:
        wait_for(threads, 60)
        with moving(old, new) as mover:
            mover.reaches("pass 1: objects")
            assert all(isinstance(thread, Watched) and thread.refused is None for thread in threads)
            outcome = mover.wait()
        until_refused(threads)
        for thread in threads:
            assert isinstance(thread, Watched)
            # One refusal, and never again an acknowledgement: the old house was open until its last pass, then closed.
            assert thread.refused is not None
            assert all(moment <= thread.refused for moment, _, _ in thread.ledger.history)
    assert acknowledged(threads) > 60
    assert outcome["moved"] is True
    assert outcome["passes"] >= 2
    assert outcome["damaged"] == outcome["notes"] == []
    with served(new) as server:
        assert oracle.check(server.port, [thread.ledger for thread in threads]) > 60
    holdfast(new, "verify", "--deep")


def test_the_old_house_says_why_it_is_closed(tmp_path: Path) -> None:
    old, new = files(tmp_path / "old"), files(tmp_path / "new")
    with served(old) as server, Caller(server.port) as caller:
        pushing = Pushing(caller, Ledger())
        push_image(pushing, 1)
        move(old, new)
        answer = caller.ask("PUT", "/v2/team/app/manifests/late", manifest_of(b"{}", [], 9), Content_Type=TYPE)
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
        assert b"moved to another house" in answer.body
        assert b"migrate-storage" not in answer.body
        # Whoever only pulls notices nothing.
        assert oracle.check(server.port, [pushing.ledger]) > 0
    assert "migrate-storage" in holdfast(old, "read-only", "status")
    assert (new.data / "master.key").read_text() == (old.data / "master.key").read_text()


TYPE = "application/vnd.oci.image.manifest.v1+json"


def push_image(pushing: Pushing, number: int, size: int = 100_000) -> str:
    """An image with a layer in an object and a config in the database; gives the digest of the layer."""
    config, layer = content(10 * number, 500), content(10 * number + 1, size)
    for data in (config, layer):
        pushing.put("team/app", data)
    pushing.manifest("team/app", manifest_of(config, [layer], number), f"v{number}")
    return digest_of(layer)


def test_only_the_store_moves(tmp_path: Path) -> None:
    """The rows stay; open uploads go on in the bucket."""
    old = files(tmp_path / "old")
    distant = cluster(tmp_path / "new", master_key(tmp_path / "key"))
    storage = distant.environment["HOLDFAST_STORAGE"]
    credentials = {name: value for name, value in distant.environment.items() if name.startswith("AWS_")}
    settings = {**credentials, "HOLDFAST_STORAGE": storage, "HOLDFAST_STORAGE_REDIRECT": "off"}
    new = House(tmp_path / "old", settings, ("--to-storage", storage))
    with served(old) as server, Caller(server.port) as caller:
        pushing = Pushing(caller, Ledger())
        push_image(pushing, 1)
        pushing.leave_open("team/open", content(77, 200_000), 120_000)
        outcome = move(old, new)
        assert (outcome["objects"], outcome["uploads"], outcome["tables"]) == (1, 1, {})
        assert [each.split()[1] for each in outcome["next"]] == ["serve", "read-only"]
        with pytest.raises(Refused):
            pushing.put("team/app", content(5, 10))
    with served(new) as server, Caller(server.port) as caller:
        with pytest.raises(Refused):
            Pushing(caller, Ledger()).put("team/app", content(6, 10))
        holdfast(new, "read-only", "off")
        assert oracle.check(server.port, [pushing.ledger]) > 0
    holdfast(new, "verify", "--deep")


def test_only_the_rows_move(tmp_path: Path) -> None:
    """The files stay, with what is staged in them."""
    old = files(tmp_path / "old")
    distant = cluster(tmp_path / "new", master_key(tmp_path / "key"))
    with served(old) as server, Caller(server.port) as caller:
        pushing = Pushing(caller, Ledger())
        push_image(pushing, 1)
        pushing.leave_open("team/open", content(77, 200_000), 120_000)
        own = str(old.data / "master.key")
        settings = {
            "HOLDFAST_DATABASE": distant.environment["HOLDFAST_DATABASE"],
            "HOLDFAST_ENCRYPTION_KEY_FILE": own,
            "HOLDFAST_ENCRYPTION_CONTENT": "off",
        }
        new = House(old.root, settings, distant.there[:2])
        outcome = move(old, new)
        assert (outcome["objects"], outcome["uploads"]) == (0, 0)
        assert outcome["tables"]["tag"] == 1
    with served(new) as server:
        assert oracle.check(server.port, [pushing.ledger]) > 0
    holdfast(new, "verify", "--deep")


@pytest.mark.parametrize("part", ["both", "rows", "store"])
def test_what_sweepers_go_by_moves(part: str, tmp_path: Path) -> None:
    """The store's guard and the rows that know it: else nothing would be swept in the new house."""
    old = files(tmp_path / "old")
    with served(old) as server, Caller(server.port) as caller:
        push_image(Pushing(caller, Ledger()), 1)
    connection = apsw.Connection(str(old.data / "holdfast.db"))
    connection.execute("delete from sweep_guard")
    connection.execute("insert into sweep_guard (nonce, moved_at, settled) values ('number-1', 1, 1)")
    connection.close()
    (old.data / "store" / ".holdfast-guard").write_text("number-1\n")
    distant = cluster(tmp_path / "new", master_key(tmp_path / "key"))
    own = {"HOLDFAST_ENCRYPTION_KEY_FILE": str(old.data / "master.key"), "HOLDFAST_ENCRYPTION_CONTENT": "off"}
    environment = {**distant.environment, **own}
    there: dict[str, tuple[str, ...]] = {"both": (), "rows": ("HOLDFAST_STORAGE",), "store": ("HOLDFAST_DATABASE",)}
    kept = {name: value for name, value in environment.items() if name not in there[part]}
    flags = {"both": distant.there, "rows": distant.there[:2], "store": distant.there[2:]}
    new = House(old.root, kept, flags[part])
    move(old, new)
    holdfast(new, "verify", "--deep")


def test_what_would_move_is_said_without_moving(tmp_path: Path) -> None:
    old, new = files(tmp_path / "old"), files(tmp_path / "new")
    with served(old) as server, Caller(server.port) as caller:
        pushing = Pushing(caller, Ledger())
        push_image(pushing, 1)
        pushing.leave_open("team/open", content(77, 200_000), 120_000)
        plan = move(old, new, "--dry-run")
        assert (plan["rows"]["tag"], plan["objects"], plan["bytes"]) == (1, 1, 100_000)
        assert (plan["uploads"], plan["upload_bytes"]) == (1, 120_000)
        assert not new.data.exists()
        push_image(pushing, 2)


def test_the_next_command_is_the_right_one(tmp_path: Path) -> None:
    old = files(tmp_path / "old")
    new = cluster(tmp_path / "new", master_key(tmp_path / "key"))
    with served(old) as server, Caller(server.port) as caller:
        push_image(Pushing(caller, Ledger()), 1)
    flags = House(new.root, {}, new.there)
    credentials = {name: value for name, value in new.environment.items() if name.startswith("AWS_")}
    (command,) = move(House(old.root, credentials, ()), flags)["next"]
    own = str(old.data / "master.key")
    assert command.startswith("holdfast serve --data ")
    assert f"--encryption-key-file {own} --encryption-content off" in command
    assert f"--database {new.environment['HOLDFAST_DATABASE']}" in command
