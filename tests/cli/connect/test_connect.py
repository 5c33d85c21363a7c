"""`holdfast connect` against a real server: what it makes, what that may do, and what stays when it fails."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.cli.connect.place import DORA, PASSWORD, TARGETS, Place, login_in, made_robot
from tests.ports import free_port
from tests.warm import program


@pytest.mark.parametrize("target", TARGETS)
def test_the_key_pulls_from_that_repository_and_does_nothing_else(place: Place, target: str) -> None:
    repository = f"pulling/{target}"
    place.pushed(repository)
    place.pushed("pulling/other")
    done = place.connect(target, repository)
    login = login_in(target, done.stdout, done.stderr)
    robot = made_robot(done.stderr)
    assert login.user == robot
    assert robot.startswith(f"pulling+connect-{target}-{target}-")
    assert place.may(login, repository) == (True, False)
    assert place.may(login, "pulling/other") == (False, False)
    assert robot in place.robots("pulling")
    (key,) = place.keys(robot)
    assert key["bounds"] == [{"actions": ["list", "pull"], "repository": repository, "tag": None}]
    assert key["expires_at"] == place.robot(robot)["expires_at"]
    if target not in ("github", "gitlab"):
        assert login.secret not in done.stderr
    place.shell.run(*done.stderr.partition("to revoke it: holdfast ")[2].splitlines()[0].split())
    assert robot not in place.robots("pulling")
    assert place.may(login, repository) == (False, False)


@pytest.mark.parametrize("target", TARGETS)
def test_with_push_it_pushes_there_too(place: Place, target: str) -> None:
    repository = f"pushing/{target}"
    place.pushed(repository)
    place.pushed("pushing/other")
    done = place.connect(target, repository, "--push")
    login = login_in(target, done.stdout, done.stderr)
    assert place.may(login, repository) == (True, True)
    assert place.may(login, "pushing/other") == (False, False)


def test_it_ends_when_it_was_said_to(place: Place) -> None:
    from datetime import UTC, datetime, timedelta

    for words, days in (((), 90), (("--expires", "7d"), 7)):
        robot = made_robot(place.connect("docker", "ending/app", *words).stderr)
        ends = place.robot(robot)["expires_at"]
        left = datetime.fromisoformat(ends) - datetime.now(UTC)
        assert timedelta(days=days) - timedelta(minutes=5) < left <= timedelta(days=days)
        (grant,) = place.api("GET", f"/grants?subject={quote(f'robot:{robot}', safe='')}")["items"]
        assert (grant["scope"], grant["role"], grant["expires_at"]) == ("ending/app", "reader", ends)
    robot = made_robot(place.connect("docker", "ending/app", "--expires", "never").stderr)
    assert place.robot(robot)["expires_at"] is None


@pytest.mark.parametrize("target", TARGETS)
def test_a_dry_run_makes_nothing_and_asks_nobody(place: Place, target: str) -> None:
    place.shell.environment |= {"HOLDFAST_URL": f"http://127.0.0.1:{free_port()}", "HOLDFAST_KEY": "hf_none"}
    done = place.connect(target, "dry/app", "--dry-run")
    assert f"dry+connect-{target}-app-XXXXXXXX" in done.stdout
    assert "hf_" not in done.stdout + done.stderr
    assert "nothing was made" in done.stderr
    if target not in ("github", "gitlab"):
        assert "KEY" in done.stdout
    assert json.loads(place.connect(target, "dry/app", "--dry-run", "--json").stdout)["dry_run"] is True


def test_who_may_not_is_told_whom_to_ask(place: Place) -> None:
    place.user("asker", "writer", "asking/**")
    place.log_in("asker", DORA)
    refused = place.connect("kubernetes", "asking/app", status=1)
    assert refused.stdout == ""
    assert "'manage-access' on the whole of asking/**; ask an owner of asking" in refused.stderr
    problem = json.loads(place.connect("kubernetes", "asking/app", "--json", status=1).stderr)
    assert problem["status"] == 403
    assert place.robots("asking") == []


def test_who_manages_the_repository_alone_gets_a_robot_of_it(place: Place) -> None:
    place.user("narrow", "owner", "narrow/app/**")
    place.pushed("narrow/app")
    place.log_in("narrow", DORA)
    done = place.connect("docker", "narrow/app")
    login = login_in("docker", done.stdout, done.stderr)
    assert login.user.startswith("narrow/app+connect-docker-app-")
    assert place.may(login, "narrow/app") == (True, False)


def test_a_refusal_on_the_way_leaves_nothing(place: Place) -> None:
    """Who holds a right under a condition may make robots, but not pass the right on."""
    place.user("half", "owner", "half/**", networks=["127.0.0.0/8"])
    place.log_in("half", DORA)
    assert "without conditions" in place.connect("docker", "half/app", status=1).stderr
    assert place.robots("half") == []


@pytest.mark.parametrize("words", [(), ("--json",)], ids=["plain", "json"])
def test_what_cannot_be_printed_leaves_nothing(place: Place, words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "holdfast", "connect", "docker", "--repository", "full/app", *words]
    environment = {"HOME": str(place.shell.home), **place.shell.environment}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "Error: the configuration cannot be printed: No space left on device\n",
    )
    assert place.robots("full") == []


def test_files_are_private_and_nothing_is_overwritten(place: Place, tmp_path: Path) -> None:
    there = tmp_path / "there"
    done = place.connect("podman", "files/app", "--write", str(there))
    assert done.stdout == ""
    assert {str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()} == {
        "auth.json",
        "registries.conf.d/holdfast.conf",
    }
    assert stat.S_IMODE((there / "auth.json").stat().st_mode) == 0o600
    robots, kept = place.robots("files"), (there / "auth.json").read_text()
    refused = place.connect("podman", "files/app", "--write", str(there), status=2)
    assert "--force overwrites it" in refused.stderr
    assert (place.robots("files"), (there / "auth.json").read_text()) == (robots, kept)
    place.connect("podman", "files/app", "--write", str(there), "--force")
    assert (there / "auth.json").read_text() != kept
    assert sorted(path.name for path in there.iterdir()) == ["auth.json", "registries.conf.d"]
    assert stat.S_IMODE((there / "auth.json").stat().st_mode) == 0o600
    assert len(place.robots("files")) == 2


def test_what_makes_no_sense_is_refused_before_anything_is_made(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said: list[tuple[tuple[str, ...], str]] = [
        (("docker", "Sense/App"), "--repository"),
        (("docker", "sense/app", "--force"), "--force goes with --write"),
        (("docker", "sense/app", "--dry-run", "--write", "."), "--dry-run prints"),
        (("docker", "sense/app", "--write", str(tmp_path / "file")), "is no directory"),
        (("docker", "sense/app", "--expires", "soon"), "is no time"),
        (("docker", "sense/app", "--registry", "ftp://x"), "is no URL"),
        (("docker", "sense/app", "--registry", 'https://a"b'), "cannot be in the name of an image"),
        (("docker", "sense/app", "--registry", "https://x", "--ca-file", "none"), "cannot be read"),
        (("docker", "sense/app", "--registry", "https://x", "--ca-file", "file"), "holds no certificate"),
        (("kubernetes", "sense/app", "--name", "No_Name"), "--name is lower-case"),
        (("kubernetes", "sense/app", "--claim", "a=b"), "go with --credential-provider"),
        (("kubernetes", "sense/app", "--credential-provider", "--push"), "goes without --push"),
        (("github", "sense/app", "--claim", "repository_id"), "CLAIM=VALUE"),
        (("github", "sense/app", "--claim", "repository_id=1", "--key-file", "k"), "--key-file goes without"),
        (("github", "sense/app", "--issuer", "x"), "go with --claim"),
        (("github", "sense/app", "--key-file", "file"), "is there already"),
        (("gitlab", "sense/app", "--claim", "project_id=1"), "believes no tokens of gitlab yet"),
    ]
    for (target, repository, *words), reason in said:
        refused = place.connect(target, repository, *words, status=2)
        assert reason in refused.stderr, refused.stderr
        assert refused.stdout == ""
    assert place.robots("sense") == []


def test_json_is_all_there_is(place: Place) -> None:
    done = place.connect("github", "json/app", "--push", "--json")
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    account = found["account"]
    assert account["role"] == "writer"
    assert account["revoke"] == f"holdfast robot delete {account['user']}"
    assert place.robots("json") == [account["user"]]
    assert account["key"]["secret"] not in found["files"][0]["content"]


def test_the_key_of_a_pipeline_goes_to_a_file(place: Place, tmp_path: Path) -> None:
    done = place.connect("gitlab", "filed/app", "--key-file", str(tmp_path / "app.key"))
    assert "hf_" not in done.stdout + done.stderr
    assert "glab variable set HOLDFAST_KEY --masked < " in done.stderr
    assert re.fullmatch(r"hf_[0-9A-Za-z]{36}\n", (tmp_path / "app.key").read_text())
    assert stat.S_IMODE((tmp_path / "app.key").stat().st_mode) == 0o600


def test_the_address_that_clients_know_is_in_it_with_its_authority(place: Place, tmp_path: Path) -> None:
    made = [str(program()), "tls", "init", "registry.example.com", "--out", str(tmp_path / "tls")]
    subprocess.run(made, check=True, capture_output=True)
    authority = tmp_path / "tls" / "ca.crt"
    known = ("--registry", "registry.example.com", "--ca-file", str(authority))
    text = authority.read_text()
    for target, name in (("docker", "ca.crt"), ("podman", "ca.crt"), ("containerd", "ca.crt"), ("swarm", "ca.crt")):
        there = tmp_path / target
        done = place.connect(target, "far/app", *known, "--write", str(there))
        assert (there / "certs.d" / "registry.example.com" / name).read_text() == text
        assert f"install -D -m 644 {authority}" in done.stderr
    hosts = (tmp_path / "containerd/certs.d/registry.example.com/hosts.toml").read_text()
    assert 'server = "https://registry.example.com"' in hosts
    assert 'ca = "/etc/containerd/certs.d/registry.example.com/ca.crt"' in hosts
    for target in ("github", "gitlab"):
        lines = place.connect(target, "far/app", *known, "--dry-run").stdout
        assert all(line in lines for line in text.splitlines())


def test_the_context_that_was_named_is_in_the_command(place: Place) -> None:
    place.shell.environment.clear()
    place.shell.run("login", place.server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD)
    context = f"admin@{place.server.host}"
    done = place.connect("docker", "context/app", "--context", context)
    assert f"--context {context}" in done.stderr
    place.shell.run(*done.stderr.partition("to revoke it: holdfast ")[2].splitlines()[0].split())
    assert place.robots("context") == []


def test_a_repository_that_is_not_there_is_said(place: Place) -> None:
    assert "there is no repository absent/app yet" in place.connect("docker", "absent/app").stderr
    place.pushed("absent/app")
    assert "there is no repository" not in place.connect("docker", f"{place.server.host}/absent/app").stderr
