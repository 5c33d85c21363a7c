"""oras against the server: artifacts, referrers by API and by tag, recursive copies, deletes, lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.programs import Client, Workshop
from tests.clients.wire import Wire
from tests.serving import Server

cell = pytest.mark.cell
KIND = "application/vnd.example.note"
API, TAG = "v1.1-referrers-api", "v1.1-referrers-tag"
PLAIN = "--plain-http"


@pytest.fixture
def oras(workshop: Workshop) -> Client:
    return workshop("oras", unstable=True)


@cell("oras", "login")
def test_login(workshop: Workshop, server: Server, repository: str) -> None:
    oras = workshop("oras", unstable=True, login=False)
    name = f"{server.host}/{repository}:v1"
    (oras.home / "note.txt").write_text("a note", encoding="utf-8")
    oras("push", PLAIN, name, "note.txt", fails=True)
    oras("login", PLAIN, "-u", server.admin.username, "-p", server.admin.password, server.host)
    oras("push", PLAIN, name, "note.txt")


@cell("oras", "push")
@cell("oras", "pull")
def test_push_and_pull_of_files(oras: Client, server: Server, repository: str) -> None:
    big = images.layers("oras", images.HERE)[1]
    (oras.home / "big.bin").write_bytes(big)
    (oras.home / "note.txt").write_text("a note", encoding="utf-8")
    name = f"{server.host}/{repository}:v1"
    oras("push", PLAIN, "--artifact-type", KIND, name, "big.bin:application/octet-stream", "note.txt:text/plain")
    oras("pull", PLAIN, "-o", oras.home / "out", name)
    assert (oras.home / "out/big.bin").read_bytes() == big
    assert (oras.home / "out/note.txt").read_text(encoding="utf-8") == "a note"


@cell("oras", "copy")
def test_recursive_copy(oras: Client, server: Server, wire: Wire, repository: str) -> None:
    index = wire.push(repository, images.index("copy"), "v1")
    signature = wire.push(repository, images.artifact(KIND, b"a signature", index))
    nested = wire.push(repository, images.artifact(f"{KIND}.nested", b"of the signature", signature))
    oras("cp", "-r", "--from-plain-http", "--to-plain-http", *_pair(server, repository, "v1"))
    wire.check(f"{repository}/to", index, "v1")
    assert wire.referrers(f"{repository}/to", index.digest) == [signature.digest]
    assert wire.referrers(f"{repository}/to", signature.digest) == [nested.digest]


@cell("oras", "multi-arch")
def test_index_create(oras: Client, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("index"), "here")
    wire.push(repository, images.image("index", images.OTHER), "there")
    name = f"{server.host}/{repository}"
    oras("manifest", "index", "create", PLAIN, f"{name}:both", "here", "there")
    got = oras("manifest", "fetch", PLAIN, "--platform", f"linux/{images.OTHER}", "--descriptor", f"{name}:both")
    assert json.loads(got.out)["digest"] == images.image("index", images.OTHER).digest


@cell("oras", "referrers")
@pytest.mark.parametrize("schema", [API, TAG])
def test_attach_and_discover(oras: Client, server: Server, wire: Wire, repository: str, schema: str) -> None:
    image = wire.push(repository, images.image("attach"), "v1")
    name = f"{server.host}/{repository}:v1"
    for kind in ("one", "two"):
        (oras.home / f"{kind}.txt").write_text(kind, encoding="utf-8")
        oras("attach", PLAIN, "--distribution-spec", schema, "--artifact-type", f"{KIND}.{kind}", name, f"{kind}.txt")
    for reader in (API, schema):
        found = oras("discover", PLAIN, "--distribution-spec", reader, "--format", "json", name)
        listed = [entry["digest"] for entry in json.loads(found.out)["referrers"]]
        assert sorted(listed) == sorted(wire.referrers(repository, image.digest))
        assert len(listed) == 2
    filtered = oras("discover", PLAIN, "--artifact-type", f"{KIND}.two", "--format", "json", name)
    (only,) = json.loads(filtered.out)["referrers"]
    assert [only["digest"]] == wire.referrers(repository, image.digest, f"{KIND}.two")


@cell("oras", "list")
def test_lists(oras: Client, server: Server, wire: Wire, repository: str) -> None:
    wire.push(repository, images.image("list"), "v1", "v2")
    assert oras("repo", "tags", PLAIN, f"{server.host}/{repository}").lines == ["v1", "v2"]
    assert repository.rsplit("/", 1)[1] in oras("repo", "ls", PLAIN, f"{server.host}/clients").out


@cell("oras", "delete")
def test_manifest_delete(oras: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("delete"), "v1")
    oras("manifest", "delete", PLAIN, "--force", f"{server.host}/{repository}@{image.digest}")
    assert not wire.has(repository, "v1")


@cell("oras", "blob")
def test_blobs(oras: Client, server: Server, wire: Wire, repository: str) -> None:
    content = images.layers("oras-blob", images.HERE)[1]
    (oras.home / "blob").write_bytes(content)
    name = f"{server.host}/{repository}@{images.Blob('', content).digest}"
    oras("blob", "push", PLAIN, name, "blob")
    oras("blob", "fetch", PLAIN, "-o", "again", name)
    assert (oras.home / "again").read_bytes() == content
    oras("blob", "delete", PLAIN, "--force", name)
    oras("blob", "fetch", PLAIN, "-o", "gone", name, fails=True)


@cell("oras", "tag and resolve")
def test_tag_and_resolve(oras: Client, server: Server, wire: Wire, repository: str) -> None:
    image = wire.push(repository, images.image("tag"), "v1")
    oras("tag", PLAIN, f"{server.host}/{repository}:v1", "stable", "v1.0")
    assert wire.tags(repository) == ["stable", "v1", "v1.0"]
    assert oras("resolve", PLAIN, f"{server.host}/{repository}:stable").lines == [image.digest]


@cell("oras", "backup and restore")
def test_backup_and_restore(oras: Client, server: Server, wire: Wire, repository: str, tmp_path: Path) -> None:
    image = wire.push(repository, images.image("backup"), "v1", "v2")
    note = wire.push(repository, images.artifact(KIND, b"a note", image))
    name = f"{server.host}/{repository}"
    oras("backup", PLAIN, "--include-referrers", "--output", tmp_path / "backup.tar", name)
    oras("restore", PLAIN, "--input", tmp_path / "backup.tar", f"{name}/to")
    wire.check(f"{repository}/to", image, "v2")
    assert wire.referrers(f"{repository}/to", image.digest) == [note.digest]


def _pair(server: Server, repository: str, tag: str) -> tuple[str, str]:
    return f"{server.host}/{repository}:{tag}", f"{server.host}/{repository}/to:{tag}"
