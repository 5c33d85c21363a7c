"""Unusual access on a real server: a bulk pull by a real client raises an explained alert; the touch of a canary
alarms within seconds; a key is suspended by it, explains itself, and is lifted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.shell import Shell
from tests.clients import images
from tests.clients.programs import Client, find, make_home
from tests.clients.wire import Wire
from tests.pairs import BOTH, Pair
from tests.serving import Credentials, Server, running_server

PASSWORD = "Planted-Password-4711"
PATIENCE = 60.0
MANY = 60
QUICK = {"sensitivity": "high", "learning": "0s", "learned_days": 1}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    from tests.pairs import pairs, run_on

    run_on(metafunc, pairs(*BOTH))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("unusual")
    with running_server(place, env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD}, pair=pair) as running:
        running.known_admin = Credentials("admin", PASSWORD)
        yield running


@pytest.fixture(scope="module")
def shell(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    shell = Shell(tmp_path_factory.mktemp("home"))
    shell.says("login", server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD)
    return shell


def robot(shell: Shell, name: str) -> Credentials:
    """A robot that may pull everything, and its key."""
    shell.says("robot", "create", name, "--namespace", "ops")
    shell.says("grant", "add", f"robot:ops+{name}", "reader", "**")
    return Credentials(f"ops+{name}", shell.says("key", "create", "ci", "--for", f"robot:ops+{name}").strip())


def crane_of(server: Server, home: Path, who: Credentials) -> Client:
    """The client crane, logged in as somebody."""
    make_home(home, server.host, who)
    from tests.clients.programs import INSTALLED

    return Client(find("crane", *INSTALLED), home, ("--insecure",))


def alerts(shell: Shell, subject: str) -> list[dict[str, Any]]:
    """The open alerts of a subject."""
    found = shell.json("unusual", "list")["items"]
    return [each for each in found if subject in each["subjects"]]


def awaited(shell: Shell, subject: str, kind: str) -> dict[str, Any]:
    """The open alert of a subject that tells `kind`."""
    until = time.monotonic() + PATIENCE
    while True:
        for each in alerts(shell, subject):
            if kind in [finding["kind"] for finding in each["findings"]]:
                return each
        assert time.monotonic() < until, shell.json("unusual", "list", "--state", "all")
        time.sleep(0.2)


def told(shell: Shell, kind: str, subject: str) -> dict[str, Any]:
    """What the journal says of the last event of a kind."""
    until = time.monotonic() + PATIENCE
    while True:
        found = shell.json("audit", "--kind", kind, "--actor", subject)
        rows = found["items"] if isinstance(found, dict) else found
        if rows:
            data: dict[str, Any] = rows[0]["data"]
            return data
        assert time.monotonic() < until, found
        time.sleep(0.2)


def test_a_bulk_pull_raises_an_explained_alert(server: Server, shell: Shell, tmp_path: Path) -> None:
    shell.says("unusual", "tune", "", "-", stdin=json.dumps(QUICK))
    wire = Wire(server)
    image = images.image("bulk")
    for n in range(MANY):
        wire.push(f"planted/app{n}", image, "v1")
    thief = crane_of(server, tmp_path / "thief", robot(shell, "thief"))
    for n in range(MANY):
        thief("pull", f"{server.host}/planted/app{n}:v1", tmp_path / "out.tar")
    alert = awaited(shell, "robot:ops+thief", "bulk")
    assert alert["score"] >= 50
    finding = next(each for each in alert["findings"] if each["kind"] == "bulk")
    assert "repositories in one hour" in finding["value"]
    assert finding["usual"].startswith("at most")
    said = shell.says("unusual", "show", str(alert["id"]))
    assert f"+{finding['points']}" in said
    assert "usual: at most" in said
    data = told(shell, "access.unusual", "robot:ops+thief")
    assert data["alert"] == alert["id"]
    assert "bulk" in data["text"]
    assert shell.says("unusual", "expect", str(alert["id"]), "--note", "meant").startswith("alert")
    assert alerts(shell, "robot:ops+thief") == []
    shell.says("unusual", "tune", "", "none")


def test_the_touch_of_a_canary_alarms_while_everything_learns(server: Server, shell: Shell, tmp_path: Path) -> None:
    Wire(server).push("canaries/secrets", images.image("canary"), "v1")
    assert "canary" in shell.says("canary", "add", "canaries/secrets")
    curious = crane_of(server, tmp_path / "curious", robot(shell, "curious"))
    curious("digest", f"{server.host}/canaries/secrets:none", fails=True)
    alert = awaited(shell, "robot:ops+curious", "canary")
    assert alert["score"] == 100
    assert alert["path"] == "canaries/secrets"
    assert "canaries/secrets" in told(shell, "canary.touched", "robot:ops+curious")["text"]


def test_a_stranger_who_is_asked_for_a_credential_has_touched_a_canary(server: Server, shell: Shell) -> None:
    shell.says("canary", "add", "canaries/closed")
    assert Wire(server).ask("GET", "/v2/canaries/closed/manifests/v1", Authorization="").status == 401
    found = awaited(shell, "anonymous", "canary")
    assert (found["score"], found["path"]) == (100, "canaries/closed")


def test_a_canary_key_is_suspended_explains_itself_and_is_lifted(server: Server, shell: Shell, tmp_path: Path) -> None:
    Wire(server).push("lifted/app", images.image("lifted"), "v1")
    who = robot(shell, "bait")
    shell.says("canary", "key", "ci", "--for", "robot:ops+bait")
    shell.says("unusual", "tune", "ops", "-", stdin='{"actions": {"canary": "suspend"}}')
    found = crane_of(server, tmp_path / "bait", who)
    found("digest", f"{server.host}/lifted/app:v1")
    alert = awaited(shell, "robot:ops+bait", "canary")
    assert alert["action"] == "suspended the key 'ci'"
    refused = found("digest", f"{server.host}/lifted/app:v1", fails=True).said
    assert "this key was suspended at" in refused
    assert "holdfast key resume" in refused
    assert "suspended" in shell.says("key", "list", "--for", "robot:ops+bait")
    assert told(shell, "key.suspended", "unusual access")["owner"] == "robot:ops+bait"
    shell.says("key", "resume", "ci", "--for", "robot:ops+bait")
    found("digest", f"{server.host}/lifted/app:v1")
    shell.says("canary", "remove", str(shell.json("canary", "list")["items"][-1]["id"]))


def test_a_person_suspends_a_key_too(server: Server, shell: Shell, tmp_path: Path) -> None:
    Wire(server).push("byhand/app", images.image("byhand"), "v1")
    crane = crane_of(server, tmp_path / "hand", robot(shell, "hand"))
    crane("digest", f"{server.host}/byhand/app:v1")
    shell.says("key", "suspend", "ci", "--for", "robot:ops+hand", "--reason", "a public log")
    assert "because of a public log" in crane("digest", f"{server.host}/byhand/app:v1", fails=True).said
    shell.says("key", "resume", "ci", "--for", "robot:ops+hand")
    crane("digest", f"{server.host}/byhand/app:v1")


def test_a_key_is_slowed_for_a_while(server: Server, shell: Shell, tmp_path: Path) -> None:
    wire = Wire(server)
    wire.push("slowed/app", images.image("slowed"), "v1")
    who = robot(shell, "quick")
    shell.says("canary", "add", "slowed/app")
    shell.says("unusual", "tune", "slowed", "-", stdin='{"actions": {"canary": "throttle"}}')
    path = "/v2/slowed/app/manifests/v1"
    assert wire.ask("GET", path, b"", Authorization=who.basic).status == 200
    assert awaited(shell, "robot:ops+quick", "canary")["action"] == "slowed the key 'ci' for an hour"
    answers = [wire.ask("GET", path, b"", Authorization=who.basic) for _ in range(30)]
    assert 429 in [each.status for each in answers]
    assert "slowed until" in shell.says("key", "list", "--for", "robot:ops+quick")
    shell.says("key", "resume", "ci", "--for", "robot:ops+quick")
    assert wire.ask("GET", path, b"", Authorization=who.basic).status == 200
