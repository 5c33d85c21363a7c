"""What is made on the server, promotions, annotations, indexes, reads like what clients push; and is told of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.shell import Shell
from tests.clients import images
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server

KIND = "application/vnd.example.note"


@pytest.fixture
def shell(server: Server, tmp_path: Path) -> Shell:
    made = Shell(tmp_path)
    made.run("login", server.url, "-u", server.admin.username, "--password-stdin", stdin=server.admin.password + "\n")
    return made


@pytest.fixture
def crane(workshop: Workshop) -> Client:
    return workshop("crane", "--insecure")


@pytest.fixture
def regctl(workshop: Workshop, server: Server) -> Client:
    client = workshop("regctl")
    client("registry", "set", "--tls", "disabled", server.host)
    return client


def test_a_promoted_index_is_whole_for_clients(
    crane: Client, regctl: Client, server: Server, wire: Wire, repository: str, shell: Shell
) -> None:
    index = wire.push(repository, images.index("promote"), "1.4")
    note = wire.push(repository, images.artifact(KIND, b"a note", index))
    target = f"{repository}/prod"
    preview = shell.says("promote", f"{repository}:1.4", target, "--dry-run")
    assert "would be promoted" in preview
    assert not wire.has(target, "1.4")
    said = shell.json("promote", f"{server.host}/{repository}:1.4", target)
    assert (said["digest"], said["referrers"]) == (index.digest, 1)
    crane("validate", "--remote", f"{server.host}/{target}:1.4")
    wire.check(target, index, "1.4")
    assert regctl("image", "digest", f"{server.host}/{target}:1.4").lines == [index.digest]
    assert note.digest in regctl("artifact", "tree", f"{server.host}/{target}:1.4").said
    retagged = shell.json("promote", f"{target}:1.4", f"{target}:stable")
    assert retagged["tags"] == [{"name": "stable", "effect": "create", "was": None}]
    assert crane("digest", f"{server.host}/{target}:stable").lines == [index.digest]


def test_annotations_and_indexes_read_like_pushed_ones(
    crane: Client, regctl: Client, server: Server, wire: Wire, repository: str, shell: Shell
) -> None:
    for architecture in ("amd64", "arm64"):
        wire.push(repository, images.image("edit", architecture), architecture)
    name = f"{server.host}/{repository}"
    made = shell.json("image", "index", f"{repository}:all", "amd64", "arm64", "--annotation", "org.example.by=test")
    assert made["platforms"] == ["linux/amd64", "linux/arm64"]
    crane("validate", "--remote", f"{name}:all")
    document = json.loads(crane("manifest", f"{name}:all").said)
    assert document["annotations"] == {"org.example.by": "test"}
    arm = regctl("image", "digest", "--platform", "linux/arm64", f"{name}:all").lines
    assert arm == crane("digest", f"{name}:arm64").lines
    edited = shell.json("image", "annotate", f"{repository}:amd64", "note=<b>ü</b>", "--tag", "edited")
    assert json.loads(crane("manifest", f"{name}:edited").said)["annotations"] == {"note": "<b>ü</b>"}
    assert crane("digest", f"{name}:edited").lines == [edited["digest"]]
    assert crane("digest", f"{name}:amd64").lines == [edited["was"]]
    crane("validate", "--remote", f"{name}:edited")


def test_what_clients_pushed_is_told(server: Server, wire: Wire, repository: str, shell: Shell) -> None:
    index = wire.push(repository, images.index("told"), "1.4")
    wire.push(repository, images.artifact(KIND, b"a note", index))
    wire.push(repository, images.image("told other"), "1.5")
    told = shell.says("inspect", f"{server.host}/{repository}:1.4")
    assert f"{repository}@{index.digest}" in told
    assert "linux/amd64" in told
    assert "linux/arm64" in told
    assert KIND in told
    found = shell.json("inspect", f"{repository}:1.4", "--platform", "linux/arm64")
    assert found["image"]["digest"] == index.children[1].digest
    assert found["tags"] == ["1.4"]
    compared = shell.says("compare", f"{repository}:1.4", f"{repository}:1.5")
    assert "configuration and annotations" in compared
    assert "there is no image for plan9/386" in shell.refused("inspect", f"{repository}:1.4", "--platform", "plan9/386")
    rows = shell.json("search", f"{repository}:1.", "--kind", "tag")["items"]
    assert [row["tag"] for row in rows] == ["1.4", "1.5"]
    assert index.digest in shell.says("search", index.digest[7:16])
    assert shell.says("search", "nothing-like-this") == "nothing in your sight\n"
