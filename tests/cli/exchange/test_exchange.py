"""Export and import with the verbs, between real registries and by files."""

from __future__ import annotations

import base64
import json
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.cli.program import holdfast
from tests.clients import images
from tests.clients.images import Image
from tests.clients.programs import INSTALLED, SYSTEM
from tests.clients.wire import Wire
from tests.ports import free_port
from tests.serving import Server, pause, running_server

_SBOM = "application/spdx+json"
_HASHED = "$2y$05$abcdefghijklmnopqrstuu7uazGHzst4Lhr4yWGtTmH1iX7cKu3Ce"  # bcrypt of `the-word`


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Two registries that know nothing of each other."""
    with (
        running_server(tmp_path_factory.mktemp("here"), "--open") as here,
        running_server(tmp_path_factory.mktemp("there"), "--open") as there,
    ):
        yield here, there


def said(server: Server, place: Path, *words: str, status: int = 0, **more: str) -> dict[str, Any]:
    """Run a verb at `server`; what it said, as JSON."""
    done = holdfast(place, *words, "--json", status=status, HOLDFAST_URL=server.url, **more)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refused(server: Server, place: Path, *words: str) -> str:
    """Run a verb that is refused; why."""
    return holdfast(place, *words, status=1, HOLDFAST_URL=server.url).stderr


def now() -> str:
    """This instant, as people may write it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def signed(wire: Wire, repository: str, image: Image) -> tuple[Image, Image]:
    """Push what refers to an image, and what refers to that."""
    sbom = wire.push(repository, images.artifact(_SBOM, b"sbom of " + image.digest.encode(), image))
    return sbom, wire.push(repository, images.artifact("application/sig", b"signature", sbom))


@pytest.mark.parametrize("place", ["all.tar", "all"])
def test_a_namespace_goes_by_file_with_all_that_refers_to_it(
    place: str, registries: tuple[Server, Server], tmp_path: Path
) -> None:
    here, there = registries
    name = f"ns{place[-3:].strip('.')}"
    wire, other = Wire(here), Wire(there)
    index = wire.push(f"{name}/web", images.index("exchange"), "1", "latest")
    docker = wire.push(f"{name}/api", images.image("exchange-docker", docker=True), "1")
    referring = signed(wire, f"{name}/web", index)
    wire.push("elsewhere/app", images.image("exchange"), "1")
    done = said(here, tmp_path, "export", f"{name}/**", "--to", place)
    assert (done["images"], done["repositories"]) == (3, 2)
    dry = said(there, tmp_path, "import", place, "--dry-run")
    assert not other.has(f"{name}/web", "1")
    came = said(there, tmp_path, "import", place)
    assert (dry["blobs"], dry["bytes"]) == (came["blobs"], came["bytes"])
    other.check(f"{name}/web", index, "latest")
    other.check(f"{name}/api", docker, "1")
    assert other.referrers(f"{name}/web", index.digest) == [referring[0].digest]
    other.check(f"{name}/web", referring[1])
    assert other.tags(f"{name}/web") == ["1", "latest"]
    again = said(there, tmp_path, "import", place)
    assert again["blobs"] == 0


def test_other_programs_read_an_export_and_are_read(registries: tuple[Server, Server], tmp_path: Path) -> None:
    skopeo = next((path / "skopeo" for path in (*INSTALLED, *SYSTEM) if (path / "skopeo").exists()), None)
    if skopeo is None:
        pytest.skip("skopeo is not on this machine: install it from the distribution")
    here, there = registries
    image = Wire(here).push("skopeo/app", images.image("exchange-skopeo"), "1")
    said(here, tmp_path, "export", "skopeo/app:1", "--to", "layout")
    flags = ["--insecure-policy", "copy", "--dest-tls-verify=false"]
    goal = f"docker://{there.host}/skopeo/app:2"
    subprocess.run([skopeo, *flags, "oci:layout:1", goal], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    Wire(there).check("skopeo/app", image, "2")
    written = images.write_layout_tar(tmp_path / "theirs.tar", {"x": image})
    said(there, tmp_path, "import", str(written), "skopeo/read:y")
    Wire(there).check("skopeo/read", image, "y")
    assert "does not say which repository" in refused(there, tmp_path, "import", str(written))


def test_an_incremental_export_holds_what_came_and_says_what_went(
    registries: tuple[Server, Server], tmp_path: Path
) -> None:
    here, there = registries
    wire, other = Wire(here), Wire(there)
    first = wire.push("week/app", images.image("week-1"), "1", "gone", "moved")
    said(here, tmp_path, "export", "week/app", "--to", "week1.tar")
    since = now()
    second = wire.push("week/app", images.image("week-2"), "2", "moved")
    sbom, _ = signed(wire, "week/app", first)
    wire.expect(202, "DELETE", "/v2/week/app/manifests/gone")
    until = now()
    wire.push("week/app", images.image("week-3"), "3")
    done = said(here, tmp_path, "export", "week/**", "--since", since, "--until", until, "--to", "week2.tar")
    assert done["deleted"] == ["week/app:gone"]
    assert done["images"] == 2
    with tarfile.open(tmp_path / "week2.tar") as tar:
        names = {name.rpartition("/")[2] for name in tar.getnames()}
    assert not names & {blob.digest.removeprefix("sha256:") for blob in first.closure()}, "it was there before"
    said(there, tmp_path, "import", "week1.tar")
    came = said(there, tmp_path, "import", "week2.tar", "--delete", "--yes")
    assert came["deleted"] == ["week/app:gone"]
    assert other.tags("week/app") == ["1", "2", "moved"]
    other.check("week/app", second, "moved")
    assert other.referrers("week/app", first.digest) == [sbom.digest]


def test_an_incremental_layout_without_its_base_is_refused_and_names_nothing(
    registries: tuple[Server, Server], tmp_path: Path
) -> None:
    here, there = registries
    wire = Wire(here)
    base = images.image("base")
    wire.push("part/app", base, "1")
    since = now()
    config = images.Blob(images.OCI_CONFIG, b'{"os":"linux","architecture":"amd64"}')
    manifest = {**base.document, "config": config.descriptor()}
    upper = Image(images.Blob(images.OCI_MANIFEST, images.encoded(manifest)), (config, *base.blobs[1:]))
    wire.push("part/app", upper, "2")
    said(here, tmp_path, "export", "part/app", "--since", since, "--to", "part.tar")
    assert "import first" in refused(there, tmp_path, "import", "part.tar")
    assert not Wire(there).has("part/app", "2"), "a name is set when everything is there"


def test_import_from_another_registry_that_wants_a_password(registries: tuple[Server, Server], tmp_path: Path) -> None:
    there = registries[1]
    with distribution(tmp_path) as host:
        index = images.index("foreign")
        with running_server(tmp_path / "seed", "--open") as seed:
            Wire(seed).push("x/app", index, "1")
            crane = next(path / "crane" for path in INSTALLED if (path / "crane").exists())
            config = docker_config(tmp_path / "docker", host, "reader", "the-word")
            subprocess.run(
                [crane, "copy", "--insecure", f"{seed.host}/x/app:1", f"{host}/lib/app:1"],
                check=True,
                capture_output=True,
                timeout=60,
                env={"DOCKER_CONFIG": str(config), "PATH": "", "HOME": str(tmp_path)},
            )
        came = said(there, tmp_path, "import", f"{host}/lib/app", "mirror/app", DOCKER_CONFIG=str(config))
        assert came["images"] == ["mirror/app:1"]
        Wire(there).check("mirror/app", index, "1")
        wrong = docker_config(tmp_path / "wrong", host, "reader", "another")
        failed = holdfast(
            tmp_path, "import", f"{host}/lib/app:1", status=1, HOLDFAST_URL=there.url, DOCKER_CONFIG=str(wrong)
        )
        assert host in failed.stderr
        assert "another" not in failed.stderr


def docker_config(place: Path, host: str, user: str, password: str) -> Path:
    """A directory as `docker login` leaves it."""
    place.mkdir()
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    (place / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return place


@contextmanager
def distribution(root: Path) -> Iterator[str]:
    """The CNCF registry, with one user, `reader`, whose password is `the-word`; its host."""
    program = next((path / "registry" for path in INSTALLED if (path / "registry").exists()), None)
    if program is None:
        pytest.skip("the CNCF registry is not on this machine: run `make tools`")
    (root / "htpasswd").write_text(f"reader:{_HASHED}\n")
    port = free_port()
    config = root / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {root / 'blobs'}\n"
        f"http:\n  addr: 127.0.0.1:{port}\n  secret: x\n"
        f"auth:\n  htpasswd:\n    realm: test\n    path: {root / 'htpasswd'}\n"
    )
    with (root / "registry.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)
    try:
        for _ in range(1000):
            if "listening on" in (root / "registry.log").read_text():
                break
            pause(0.01)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def test_what_makes_no_sense_is_said(registries: tuple[Server, Server], tmp_path: Path) -> None:
    here, there = registries
    Wire(here).push("sense/app", images.image("sense"), "1")
    assert "names no image" in refused(here, tmp_path, "export", "sense/none", "--to", "a.tar")
    assert "there is no" in refused(here, tmp_path, "export", "sense/app:2", "--to", "a.tar")
    assert "another registry" in refused(here, tmp_path, "export", "ghcr.io/sense/app:1", "--to", "a.tar")
    assert not (tmp_path / "a.tar").exists(), "what was not finished is not there"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").write_text("x")
    assert "holds something else" in refused(here, tmp_path, "export", "sense/app:1", "--to", "full")
    assert "no image layout" in refused(there, tmp_path, "import", "full")
    (tmp_path / "no.tar").write_text("nothing")
    assert "no tar file" in refused(there, tmp_path, "import", "no.tar")


def test_a_layout_whose_bytes_lie_is_refused(registries: tuple[Server, Server], tmp_path: Path) -> None:
    there = registries[1]
    image = images.image("lying")
    place = images.write_layout(tmp_path / "lying", {"1": image})
    layer = image.blobs[-1]
    (place / "blobs" / "sha256" / layer.digest.removeprefix("sha256:")).write_bytes(b"x" * len(layer.data))
    holdfast(tmp_path, "import", "lying", "lying/app", status=1, HOLDFAST_URL=there.url)
    assert not Wire(there).has("lying/app", "1")
