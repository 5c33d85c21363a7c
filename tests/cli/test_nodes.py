"""`holdfast nodes` and `holdfast read-only`, on both databases, beside a server that runs."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.backends import database_url
from tests.cli.program import holdfast
from tests.serving import Server, pause, running_server

KEY = "A" * 43 + "="


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    flags = ["--open", "--no-jobs"]
    if request.param == "postgresql":
        (tmp_path / "key").write_text(KEY)
        flags += ["--database", database_url(), "--encryption-key-file", str(tmp_path / "key")]
    with running_server(tmp_path, *flags) as running:
        yield running


def ask(server: Server, *words: str) -> str:
    """What a verb prints about the installation of `server`."""
    where = ["--data", str(server.data)]
    if "--database" in server.flags:
        where = ["--database", server.flags[server.flags.index("--database") + 1]]
    return holdfast(server.logs, *words, *where).stdout


def push(server: Server) -> tuple[int, str]:
    """The status of a push of a small blob; and when it is refused, when to come again and the body."""
    digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    request = urllib.request.Request(f"{server.url}/v2/a/b/blobs/uploads/?digest={digest}", data=b"", method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, f"{error.headers['retry-after']} {error.read().decode()}"


def test_nodes_shows_who_serves(server: Server) -> None:
    for _ in range(500):
        seen = json.loads(ask(server, "nodes", "--json"))
        if seen["nodes"]:
            break
        pause(0.02)
    (node,) = seen["nodes"]
    assert (node["pid"], node["kind"], node["alive"]) == (server.pid, "serve", True)
    assert abs(seen["now"] - node["seen"]) < 60_000_000
    text = ask(server, "nodes")
    assert "serve" in text
    assert "alive" in text
    assert os.uname().nodename in text
    server.stop()
    assert ask(server, "nodes") == "no node was seen within a day\n"


def test_read_only_refuses_writes_with_its_reason_until_it_is_ended(server: Server) -> None:
    assert push(server)[0] == 201
    done = ask(server, "read-only", "on", "--reason", "moving house")
    assert done == "read-only: moving house\n`holdfast read-only off` ends it\n"
    status, body = push(server)
    assert status == 503
    assert body.startswith("5 ")
    assert "this registry is read-only now: moving house" in body
    assert "moving house" in ask(server, "nodes")
    shown = json.loads(ask(server, "read-only", "status", "--json"))
    assert (shown["read_only"], shown["reason"]) == (True, "moving house")
    assert ask(server, "read-only", "off") == "writable\n"
    assert ask(server, "read-only", "status") == "writable\n"
    assert push(server)[0] == 201


@pytest.mark.parametrize("reason", ["", " ", "two\nlines", "x" * 501])
def test_a_reason_that_is_none(tmp_path: Path, reason: str) -> None:
    done = holdfast(tmp_path, "read-only", "on", "--reason", reason, "--data", str(tmp_path), status=1)
    assert "a reason is one line of 1 to 500 characters" in done.stderr


def test_where_there_is_no_registry(tmp_path: Path) -> None:
    done = holdfast(tmp_path, "nodes", "--data", str(tmp_path / "nowhere"), status=1)
    assert "there is no registry in" in done.stderr
    assert not (tmp_path / "nowhere").exists()
