"""`holdfast collect`: through a registry and beside it, with a preview, and a question before history goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.shell import Shell
from tests.management.test_collections import PASSWORD, delete, push
from tests.serving import Credentials, Server, running_server

from holdfast.app.datadir import DataDirectory

SETTINGS = {"HOLDFAST_LEASE": "0s", "HOLDFAST_COLLECT_GRACE": "0s"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Run a server that collects only when it is told to, for other workers there are none."""
    with running_server(tmp_path, "--no-jobs", env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD, **SETTINGS}) as running:
        running.known_admin = Credentials("admin", PASSWORD)
        yield running


@pytest.fixture
def shell(tmp_path: Path, server: Server) -> Shell:
    """Be logged in as the administrator, with the settings of the server."""
    made = Shell(tmp_path, dict(SETTINGS))
    made.run("login", server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    return made


def objects(server: Server) -> int:
    found = Path(DataDirectory(server.data).store).rglob("*")
    return sum(path.is_file() and path.stat().st_size > 10_000 for path in found)


def test_beside_a_server(server: Server, shell: Shell) -> None:
    data = str(server.data)
    push(server, "team/app", "gone", "v1")
    push(server, "team/app", "kept", "v2")
    delete(server, "team/app/manifests/v1")
    stored = objects(server)
    assert "0 manifests and 0 blobs" in shell.says("collect", "--dry-run", "--data", data)
    told = shell.says("collect", "--dry-run", "--window", "0", "team", "--data", data)
    assert "1 manifests and 0 blobs" in told
    assert "team/app" in told
    refused = shell.refused("collect", "--now", "--window", "0", "team", "--data", data, status=2)
    assert "say --yes" in refused
    assert objects(server) == stored
    done = shell.says("collect", "--now", "--window", "0", "team", "--data", data, "--yes")
    assert "3 manifests and blobs left their repositories, 3 contents" in done
    assert "the history of team is cut off" in done
    assert objects(server) == stored - 1
    assert '"links": 0' in shell.run("collect", "--now", "--data", data, "--json").stdout
    assert "nothing is wrong" in shell.says("verify", "--data", data, "--deep")


def test_through_a_server(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    place = tmp_path_factory.mktemp("served")
    with running_server(place, env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD, **SETTINGS}) as server:
        shell = Shell(tmp_path)
        shell.run("login", server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD + "\n")
        push(server, "team/app", "gone", "v1")
        delete(server, "team/app/manifests/v1")
        assert shell.json("collect", "--dry-run")["manifests"] == 0
        assert "1 manifests" in shell.says("collect", "--dry-run", "--window", "0", "team/app")
        assert "is cut off" in shell.says("collect", "--now", "--window", "0", "team/app", "--yes")
        assert shell.json("collect", "--now", "--force")["dry_run"] is False
        assert objects(server) == 0
        assert "comes with the namespace" in shell.refused("collect", "--now", "--window", "0", status=2)
        assert "comes with --window 0" in shell.refused("collect", "--now", "team", status=2)
        assert "--dry-run to see" in shell.refused("collect", status=2)


def test_what_is_no_registry_is_not_made_one(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    assert "there is no registry in" in shell.refused("collect", "--now", "--data", str(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()
