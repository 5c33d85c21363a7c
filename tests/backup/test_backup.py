"""Backups of a running installation, put back elsewhere and in its place: with the verbs, as people type them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.faults.client import digest_of
from tests.faults.load import Pusher, wait_for
from tests.moving.homes import House, cluster, files, holdfast, master_key, served
from tests.registry.house import House as Registry
from tests.registry.house import Place as RegistryPlace
from tests.serving import running_server
from tests.wire.client import basic, connected

from holdfast.blobs.key import new_key
from holdfast.registry.backup.service import HOLD, held
from holdfast.registry.store import DOOM

KINDS = ("files", "sealed files", "cluster", "sealed cluster")
_BIG = 40_000


def house_of(kind: str, root: Path, key: Path) -> House:
    """A new house of this kind, whose master key is `key`."""
    if kind.endswith("files"):
        made = files(root, key)
        sealed = "on" if kind.startswith("sealed") else "off"
        return House(made.root, {**made.environment, "HOLDFAST_ENCRYPTION_CONTENT": sealed}, made.there)
    return cluster(root, key, sealed=kind.startswith("sealed"))


def back_up(house: House, directory: Path, *words: str, status: int = 0) -> dict[str, Any]:
    """Run `holdfast backup` and give what it said."""
    found: dict[str, Any] = json.loads(holdfast(house, "backup", str(directory), "--json", *words, status=status))
    return found


def restore(house: House, directory: Path, *words: str, status: int = 0) -> dict[str, Any]:
    """Run `holdfast restore` and give what it said."""
    house.root.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = json.loads(holdfast(house, "restore", str(directory), "--json", *words, status=status))
    return found


def push(port: int, repository: str, tag: str, fill: bytes) -> str:
    """Push an image of one layer of `fill`; the layer's digest."""
    with connected(port, {}) as connection:
        layer, config = digest_of(fill * _BIG), digest_of(b"{}")
        for digest, data in ((layer, fill * _BIG), (config, b"{}")):
            answer = connection.ask("POST", f"/v2/{repository}/blobs/uploads/?digest={digest}", data)
            assert answer.status == 201, str(answer)
        kind = "application/vnd.oci.image.manifest.v1+json"
        manifest = {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
            "layers": [
                {
                    "mediaType": "application/vnd.oci.image.layer.v1.tar",
                    "digest": layer,
                    "size": _BIG * len(fill),
                }
            ],
        }
        body = json.dumps(manifest).encode()
        answer = connection.ask("PUT", f"/v2/{repository}/manifests/{tag}", body, {"Content-Type": kind})
        assert answer.status == 201, str(answer)
    return layer


def blob(port: int, repository: str, digest: str) -> tuple[int, bytes]:
    """What a pull of a blob is answered."""
    with connected(port, {}) as connection:
        answer = connection.ask("GET", f"/v2/{repository}/blobs/{digest}")
        return answer.status, answer.body


def tags(port: int, repository: str) -> list[str]:
    """The tags of a repository."""
    with connected(port, {}) as connection:
        found: list[str] = connection.ask("GET", f"/v2/{repository}/tags/list").json.get("tags", [])
        return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_of_a_running_registry_is_put_back_into_each_kind_of_house(kind: str, tmp_path: Path) -> None:
    key = master_key(tmp_path / "key")
    old, kept = house_of(kind, tmp_path / "old", key), tmp_path / "kept"
    with served(old) as server:
        layer = push(server.port, "team/app", "1", b"1")
        first = back_up(old, kept)
        later = push(server.port, "team/app", "2", b"2")
        second = back_up(old, kept)
    assert (first["copied"], second["copied"], second["backup"]["objects"]) == (1, 1, 2), "only what is new is copied"
    assert b"1" * 100 not in b"".join(p.read_bytes() for p in kept.rglob("*") if p.is_file()) or "sealed" not in kind
    assert key.read_bytes().strip() not in b"".join(p.read_bytes() for p in kept.rglob("*") if p.is_file())
    for other in ("files", "cluster"):
        new = house_of(("sealed " if "sealed" in kind else "") + other, tmp_path / f"new-{other}", key)
        done = restore(new, kept)
        assert (done["copied"], done["damaged"], done["unknown_objects"], done["changes"]) == (2, [], 0, None)
        holdfast(new, "verify", "--deep")
        with served(new) as server:
            assert tags(server.port, "team/app") == ["1", "2"]
            assert blob(server.port, "team/app", layer) == (200, b"1" * _BIG)
            assert blob(server.port, "team/app", later) == (200, b"2" * _BIG)
            push(server.port, "team/app", "3", b"3")
        holdfast(new, "verify", "--deep")
    older = house_of("files", tmp_path / "older", key)
    restore(older, kept, "--at", first["backup"]["name"])
    with served(older) as server:
        assert tags(server.port, "team/app") == ["1"]


@pytest.mark.parametrize("kind", ["files", "sealed cluster"])
def test_what_was_acknowledged_before_a_backup_is_in_it_while_clients_push(kind: str, tmp_path: Path) -> None:
    key = master_key(tmp_path / "key")
    old, kept = house_of(kind, tmp_path / "old", key), tmp_path / "kept"
    stopped = threading.Event()
    names = []
    with served(old) as server:
        threads = [Pusher(server.port, number, stopped, seed=3) for number in range(3)]
        for thread in threads:
            thread.start()
        try:
            for number in range(3):
                wait_for(threads, 20 * (number + 1))
                push(server.port, "mine/app", str(number), b"%d" % number)
                names.append(back_up(old, kept)["backup"]["name"])
        finally:
            stopped.set()
            for thread in threads:
                thread.join(90)
        assert not [each for thread in threads for each in thread.trouble]
    for number, name in enumerate(names):
        new = house_of(kind, tmp_path / f"new-{number}", key)
        restore(new, kept, "--at", name)
        outcome = json.loads(holdfast(new, "verify", "--deep", "--json"))
        assert outcome["clean"], outcome
        with served(new) as server:
            assert tags(server.port, "mine/app") == [str(each) for each in range(number + 1)]


def test_what_a_backup_does_not_know_is_told_when_it_replaces_a_registry(tmp_path: Path) -> None:
    house, kept = files(tmp_path / "house"), tmp_path / "kept"
    with served(house) as server:
        push(server.port, "team/app", "1", b"1")
        back_up(house, kept)
        later = push(server.port, "team/app", "2", b"2")
        with connected(server.port, {"Content-Type": "application/json"}) as connection:
            made = connection.ask("POST", "/api/v1/robots", json.dumps({"namespace": "team", "name": "ci"}).encode())
            assert made.status == 201, str(made)
    refused = restore(house, kept, status=2)
    assert "--over" in refused["error"]
    done = restore(house, kept, "--over")
    assert [change["kind"] for change in done["changes"]] == ["robot.created"]
    assert done["unknown_objects"] == 1
    assert Path(done["replaced"]).exists()
    outcome = json.loads(holdfast(house, "verify", "--deep", "--json", status=1))
    assert set(outcome["classes"]) == {"database-restored"}, "nothing is swept until it is adopted"
    with served(house) as server:
        assert tags(server.port, "team/app") == ["1"]
        assert blob(server.port, "team/app", later)[0] == 404
    holdfast(house, "verify", "--adopt")
    assert json.loads(holdfast(house, "verify", "--deep", "--json"))["clean"]


def test_a_restore_ends_sessions_and_tokens_and_keeps_passwords(tmp_path: Path) -> None:
    house, kept = files(tmp_path / "house"), tmp_path / "kept"
    house.root.mkdir()
    with running_server(house.root, "--admin-password-file", str(_password(tmp_path)), env=house.settings) as server:
        login = {"Authorization": basic("admin", "a long password of mine")}
        with connected(server.port, login) as connection:
            given = connection.ask("GET", "/token?service=x&offline_token=true&client_id=c&account=admin").json
        with connected(server.port, {"Authorization": f"Bearer {given['token']}"}) as connection:
            assert connection.ask("GET", "/v2/").status == 200
        back_up(house, kept)
    restore(house, kept, "--over")
    with running_server(house.root, env=house.settings) as server:
        with connected(server.port, {"Authorization": f"Bearer {given['token']}"}) as connection:
            assert connection.ask("GET", "/v2/").status == 401
        with connected(server.port, {"Content-Type": "application/x-www-form-urlencoded"}) as connection:
            form = f"grant_type=refresh_token&service=x&client_id=c&refresh_token={given['refresh_token']}"
            assert connection.ask("POST", "/token", form.encode()).status == 401
        with connected(server.port, login) as connection:
            assert connection.ask("GET", "/v2/").status == 200


def _password(root: Path) -> Path:
    path = root / "password"
    path.write_text("a long password of mine\n")
    path.chmod(0o600)
    return path


def test_damage_is_told_by_the_backup_and_mended_by_the_restore(tmp_path: Path) -> None:
    house, kept = files(tmp_path / "house"), tmp_path / "kept"
    with served(house) as server:
        layer = push(server.port, "team/app", "1", b"1")
        back_up(house, kept)
    (found,) = [path for path in (house.data / "store" / "objects").rglob("*") if path.is_file()]
    found.chmod(0o600)
    found.write_bytes(b"x" * found.stat().st_size)
    elsewhere = tmp_path / "elsewhere"
    told = back_up(house, elsewhere, status=1)
    assert told["backup"]["damaged"] == [layer]
    restore(house, kept, "--over")
    with served(house) as server:
        assert blob(server.port, "team/app", layer) == (200, b"1" * _BIG)
    new = files(tmp_path / "new", None)
    new.data.mkdir(parents=True)
    shutil.copy(house.data / "master.key", new.data / "master.key")
    done = restore(new, elsewhere, status=1)
    assert done["damaged"] == [layer]
    with served(new) as server:
        assert blob(server.port, "team/app", layer)[0] == 404, "it is never served as good"
        push(server.port, "team/app", "1", b"1")
        assert blob(server.port, "team/app", layer) == (200, b"1" * _BIG)


def test_old_backups_go_with_the_objects_that_only_they_name(tmp_path: Path) -> None:
    house, kept = files(tmp_path / "house"), tmp_path / "kept"
    with served(house) as server:
        push(server.port, "team/app", "1", b"1")
        first = back_up(house, kept)
    connection = sqlite3.connect(house.data / "holdfast.db")
    connection.executescript(
        "delete from tag; delete from tag_event; delete from edge; delete from candidate; delete from lease;"
        "delete from link; delete from content where key is not null;"
    )
    connection.close()
    second = back_up(house, kept, "--keep", "1")
    assert second["removed"] == [first["backup"]["name"]]
    assert second["forgotten"] == 1
    listed = json.loads(holdfast(house, "backup", str(kept), "--list", "--json"))
    assert [each["name"] for each in listed["backups"]] == [second["backup"]["name"]]
    assert not [path for path in (kept / "store" / "objects").rglob("*") if path.is_file()]


def test_what_cannot_be_put_back_says_why_and_leaves_everything(tmp_path: Path) -> None:
    house, other, kept = files(tmp_path / "house"), files(tmp_path / "other"), tmp_path / "kept"
    with served(house) as server:
        push(server.port, "team/app", "1", b"1")
        name = back_up(house, kept)["backup"]["name"]
        assert "served already" in restore(house, kept, "--over", status=2)["error"]
    with served(other):
        pass
    assert "another installation" in back_up(other, kept, status=2)["error"]
    new = files(tmp_path / "new")
    assert "holds no master key" in restore(new, kept, status=2)["error"]
    new.data.mkdir(parents=True)
    shutil.copy(other.data / "master.key", new.data / "master.key")
    assert "master key" in restore(new, kept, status=2)["error"]
    assert "no backup called" in restore(new, kept, "--at", "20000101T000000Z", status=2)["error"]
    database = kept / "snapshots" / name / "holdfast.db"
    database.write_bytes(database.read_bytes()[:-1] + b"x")
    assert "damaged" in restore(house, kept, "--over", status=2)["error"]
    assert not (new.data / "holdfast.db").exists()
    holdfast(house, "verify", "--deep")


def test_nothing_is_swept_while_a_backup_holds(tmp_path: Path) -> None:
    async def scenario(house: Registry) -> list[int]:
        keys = [new_key(house.clock.now) for _ in range(2)]
        for key in keys:
            await house.blobs.put(key, [b"x"], "sha256")
        await house.db.write(lambda unit: unit.run(DOOM, key=keys[0], due=unit.now))
        found = []
        async with held(house.db):
            found.append((await house.sweep.run()).objects)
        found.append((await house.sweep.run()).objects)
        await house.db.write(lambda unit: unit.run(DOOM, key=keys[1], due=unit.now))
        async with held(house.db):
            house.clock.move(HOLD)  # whoever held it stands still
            found.append((await house.sweep.run()).objects)
        return found

    assert RegistryPlace(tmp_path).run(scenario) == [0, 1, 1]
