"""The image: built from scratch as the script does it, run as orchestrators run it, and its parts by themselves."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.programs import SYSTEM, Client, find, make_home
from tests.clients.wire import Wire
from tests.deploy.proxies import DEPLOY, ROOT
from tests.ports import free_port
from tests.serving import Server, answers_ready, pause, printed_admin, running_server

CONTAINER = DEPLOY / "container"
IMAGE = "localhost/holdfast:test"
SECONDS = 60.0


@pytest.fixture(scope="module")
def podman() -> Iterator[Client]:
    """Build the image into a storage of its own, and give the podman that has it."""
    buildah, path = find("buildah", *SYSTEM), find("podman", *SYSTEM)
    home = Path(tempfile.mkdtemp(prefix="hf-"))  # podman takes no path of more than 50 characters
    make_home(home, "localhost", None)
    storage = ("--root", str(home / "storage"), "--runroot", str(home / "r"), "--storage-driver", "vfs")
    command = [
        sys.executable,
        str(CONTAINER / "build"),
        "--tag",
        IMAGE,
        "--buildah",
        " ".join([str(buildah), *storage]),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=home)
    assert (done.returncode, done.stdout.strip()) == (0, IMAGE), done.stderr[-4000:]
    more = ("--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "runc")
    client = Client(path, home, (*storage, *more))
    yield client
    client.run("rm", "--all", "--force", "--time", "0")
    client.run("rmi", "--all", "--force")
    shutil.rmtree(home, ignore_errors=True)


def test_what_the_image_says_of_itself(podman: Client) -> None:
    (about,) = json.loads(podman("image", "inspect", IMAGE).out)
    config = about["Config"]
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == ("10001:10001", ["entrypoint"], ["serve"])
    assert (list(config["ExposedPorts"]), list(config["Volumes"])) == (["5000/tcp"], ["/var/lib/holdfast"])
    assert config["StopSignal"] == "SIGTERM"
    assert (about.get("Healthcheck") or about["HealthCheck"])["Test"] == ["CMD", "healthcheck"]
    assert about["Size"] < 400 << 20


def test_the_image_serves_read_only_without_a_capability(podman: Client, tmp_path: Path) -> None:
    files = f"nofile={min(20000, _open_files())}:{min(20000, _open_files())}"
    always = (
        *("--network", "host", "--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges"),
        *("--tmpfs", "/tmp:size=16m", "--ulimit", files, "--ulimit", "nproc=4096:4096"),
        "--no-healthcheck",  # asked for below: without systemd nobody else would
    )
    first = podman.run("run", "--rm", *always, IMAGE, "--version")
    if first.status in (125, 126):
        pytest.skip(f"containers cannot run here: {first.err.strip().splitlines()[-1][:200]}")
    assert first.out.startswith("holdfast, version"), first.said
    port = free_port()
    listen = ("--env", f"HOLDFAST_LISTEN=127.0.0.1:{port}")
    podman("volume", "create", "kept")
    podman("run", "--detach", "--name", "registry", *always, *listen, "--volume", "kept:/var/lib/holdfast", IMAGE)
    try:
        deadline = time.monotonic() + SECONDS
        while not answers_ready(port):
            assert time.monotonic() < deadline, podman.run("logs", "registry").said[-3000:]
            pause(0.1)
        server = Server(tmp_path, port, (), {}, tmp_path)
        server.known_admin = printed_admin(podman("logs", "registry").out)
        Wire(server).push("team/app", images.image("container"), "1")
        Wire(server).check("team/app", images.image("container"), "1")
        assert podman.run("exec", "registry", "healthcheck").status == 0
        assert podman.run("exec", "--env", "HOLDFAST_LISTEN=127.0.0.1:1", "registry", "healthcheck").status == 1
        assert podman.run("exec", "registry", "/bin/sh", "-c", "true").status != 0, "there is no shell"
        assert "10001" in podman("top", "registry", "huser", "user").out
        podman("stop", "--time", "20", "registry")
        assert podman("inspect", "--format", "{{.State.ExitCode}}", "registry").out.strip() == "0"
    finally:
        podman.run("rm", "--force", "--time", "0", "registry")
        podman.run("volume", "rm", "--force", "kept")


def _open_files() -> int:
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _entrypoint(place: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    program = place / "holdfast"
    program.write_text('#!/bin/sh\necho "$1 $HOLDFAST_DATABASE $AWS_SECRET_ACCESS_KEY $HOLDFAST_DATABASE_FILE"\n')
    program.chmod(0o755)
    return subprocess.run(
        [sys.executable, str(CONTAINER / "entrypoint"), "serve"],
        env={"PATH": f"{place}:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_secrets_come_as_files(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://me:word@db/registry\n")
    done = _entrypoint(tmp_path, HOLDFAST_DATABASE_FILE=str(tmp_path / "url"), AWS_SECRET_ACCESS_KEY="key")
    assert done.stdout == "serve postgresql://me:word@db/registry key \n"
    assert _entrypoint(tmp_path).stdout == "serve   \n"
    missing = _entrypoint(tmp_path, HOLDFAST_DATABASE_FILE=str(tmp_path / "none"))
    assert (missing.returncode, "cannot be read" in missing.stderr) == (1, True)
    both = _entrypoint(tmp_path, HOLDFAST_DATABASE_FILE=str(tmp_path / "url"), HOLDFAST_DATABASE="postgresql:///x")
    assert (both.returncode, "choose one" in both.stderr) == (1, True)


def test_health_is_asked_where_the_server_listens(tmp_path: Path) -> None:
    command = [sys.executable, str(CONTAINER / "healthcheck")]

    def status(listen: str) -> int:
        env = {"PATH": os.environ["PATH"], "HOLDFAST_LISTEN": listen}
        return subprocess.run(command, env=env, timeout=30, check=False).returncode

    with running_server(tmp_path, "--open") as server:
        assert status(server.host) == 0
        assert status(f"0.0.0.0:{server.port}") == 0
    assert status(server.host) == 1


def test_a_worker_is_looked_for_among_the_nodes(tmp_path: Path) -> None:
    (tmp_path / "holdfast").write_text(f"#!/bin/sh\ncat {tmp_path}/nodes\n")
    (tmp_path / "holdfast").chmod(0o755)

    def status(**node: object) -> int:
        (tmp_path / "nodes").write_text(json.dumps({"nodes": [node]}))
        command = [sys.executable, str(CONTAINER / "healthcheck"), "worker"]
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        return subprocess.run(command, env=env, timeout=30, check=False).returncode

    here = socket.gethostname()
    assert status(host=here, kind="worker", alive=True) == 0
    assert status(host=here, kind="worker", alive=False) == 1
    assert status(host=here, kind="serve", alive=True) == 1
    assert status(host=f"{here}-2", kind="worker", alive=True) == 1


def test_the_containerfile_and_the_script_agree() -> None:
    """The user, the volume, the port, the stop signal, the entry point and the settings are the same in both."""
    recipe, script = ((CONTAINER / name).read_text(encoding="utf-8") for name in ("Containerfile", "build"))
    assert "USER 10001:10001" in recipe
    assert "USER = 10001" in script
    for word in ("HOLDFAST_DATA", "HOLDFAST_LISTEN", "/var/lib/holdfast", "SIGTERM", "5000", "10s", "5s", "60s"):
        assert word in recipe
        assert word in script
    assert ":latest" not in recipe
    copied = [word for line in re.findall(r"^COPY (?!--from)(.*)$", recipe, re.MULTILINE) for word in line.split()[:-1]]
    for word in copied:
        if not word.startswith("--"):
            assert (ROOT / word).exists(), word
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    for word in copied:
        if not word.startswith("--"):
            assert any(f"!{kept}" in ignored for kept in (word, str(Path(word).parent))), f"{word} is not sent"
