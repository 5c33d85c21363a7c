"""`holdfast history`, `show`, `diff`, `rollback`, `deleted` and `undelete` as processes against a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click
import pytest
from tests.cli.shell import Shell
from tests.clients import images
from tests.clients.wire import Wire
from tests.serving import Credentials, Server, running_server

from holdfast.cli.moments import instant

PASSWORD = "Planted-Password-4711"
REPO = "shop/web"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("history"), env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD}) as running:
        running.known_admin = Credentials("admin", PASSWORD)
        yield running


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Shell:
    made = Shell(tmp_path_factory.mktemp("home"))
    made.run("login", server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    return made


def test_the_story(shell: Shell, server: Server) -> None:
    wire = Wire(server)
    one = wire.push(REPO, images.image("one"), "1.0", "stable").digest
    good = shell.json("history", REPO, "--limit", "1")["items"][0]["at"]
    two = wire.push(REPO, images.image("two"), "1.1", "stable").digest
    wire.expect(202, "DELETE", f"/v2/{REPO}/manifests/1.0")

    said = shell.says("history", REPO)
    assert re.search(rf"{REPO}:1.0 +deleted +{one[:19]} +- +user:admin", said)
    assert re.search(rf"{REPO}:stable +moved +{one[:19]} +{two[:19]} +user:admin", said)
    assert "shop/web:1.0" not in shell.says("history", f"{server.host}/{REPO}:stable")
    assert shell.says("history", "shop/**", "--action", "deleted").count(REPO) == 1
    assert "no changes in your sight" in shell.says("history", REPO, "--actor", "user:nobody")
    assert "there is more" in shell.run("history", REPO, "--limit", "2").stderr

    assert {each["tag"] for each in shell.json("show", REPO, "--at", good)["items"]} == {"1.0", "stable"}
    assert re.search(rf"stable +{one[:19]} .* yes", shell.says("show", REPO, "--at", good))
    assert re.search(rf"{REPO}:1.1 +created +- +{two[:19]}", shell.says("diff", "shop", good, "now"))

    said = shell.says("rollback", REPO, "--to", good, "--dry-run")
    assert re.search(rf"create +{REPO}:1.0 +- +{one[:19]}", said)
    assert re.search(rf"same +{REPO}:1.1 +{two[:19]} +- +it was born after that", said)
    assert "1 to create, 1 to move; 1 stay as they are" in said
    assert "sure to be stored since" in said
    assert "look at them with --dry-run" in shell.refused("rollback", REPO, "--to", good, status=2)
    assert "1 tags created, 1 moved, 0 deleted" in shell.says("rollback", REPO, "--to", good, "--yes")
    assert wire.manifest(REPO, "stable").digest == one
    assert "nothing to do" in shell.says("rollback", REPO, "--to", good, "--yes")
    assert "no such repository" in shell.refused("rollback", "nowhere", "--to", good)
    assert "future" in shell.refused("rollback", REPO, "--to", "9000-01-01T00:00:00Z")

    wire.expect(202, "DELETE", f"/v2/{REPO}/manifests/{two}")
    said = shell.says("deleted", REPO)
    assert re.search(rf"image +- +{two}", said)
    assert re.search(rf"tag +1.1 +{two[:19]}", said)
    assert f"{two} is back, with the tags 1.1" in shell.says("undelete", f"{REPO}@{two}", "--tags")
    assert wire.manifest(REPO, "1.1").digest == two
    assert "is not deleted" in shell.refused("undelete", f"{REPO}@{two}")
    assert "nothing was deleted" in shell.says("deleted", REPO)


def test_what_is_immutable_blocks(shell: Shell, server: Server) -> None:
    wire = Wire(server)
    wire.push("fixed/web", images.image("one"), "v1", "v2")
    good = shell.json("history", "fixed/web", "--limit", "1")["items"][0]["at"]
    wire.push("fixed/web", images.image("two"), "v1", "v2")
    shell.run("immutable", "set", "fixed", "v1")
    said = shell.run("rollback", "fixed/web", "--to", good, "--yes", status=1)
    assert re.search(r"blocked +fixed/web:v1 .*immutable", said.stdout)
    assert "--skip-blocked" in said.stderr
    assert "1 moved, 0 deleted in 1 repositories; 1 left" in shell.says(
        "rollback", "fixed/web", "--to", good, "--yes", "--skip-blocked"
    )


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("2h", timedelta(hours=2)),
        ("90s ago", timedelta(seconds=90)),
        ("7d", timedelta(days=7)),
        ("5m", timedelta(minutes=5)),
    ],
)
def test_instants_ago(text: str, ago: timedelta) -> None:
    found = instant(text)
    assert found is not None
    assert abs(datetime.fromisoformat(found) - (datetime.now(UTC) - ago)) < timedelta(minutes=1)


def test_instants_as_they_are_written() -> None:
    assert instant(None) is None
    assert instant("now") is None
    assert instant("2027-01-31") == "2027-01-31T00:00:00.000000Z"
    assert instant("2027-01-31T18:00:00.000001+01:00") == "2027-01-31T17:00:00.000001Z"


@pytest.mark.parametrize("text", ["yesterday", "2027-13-01", "2027-01-31T18:00:00", "-2h", "999999w9"])
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(click.BadParameter):
        instant(text)


def test_pages_are_put_together(shell: Shell, server: Server) -> None:
    wire = Wire(server)
    wire.push("many/web", images.image("one"), *[f"v{n}" for n in range(7)])
    assert len(shell.json("history", "many/web")["items"]) == 7
    found = shell.json("history", "many/web", "--limit", "3")
    assert (len(found["items"]), found["more"]) == (3, True)
