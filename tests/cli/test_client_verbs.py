"""The client verbs as processes against a real server: the fixed forms, what is kept, and what is said."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli import program
from tests.cli.shell import Shell
from tests.pairs import BOTH, Pair, pairs, run_on
from tests.ports import free_port
from tests.serving import Credentials, Server, running_server

PASSWORD = "Planted-Password-4711"
DORA = "dora likes long words"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `pair`: the story runs on both."""
    story = metafunc.function.__name__ == "test_the_fixed_forms_and_the_story"
    run_on(metafunc, pairs(*BOTH) if story else pairs(Pair.EMBEDDED))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    """Run a server whose administrator has the password `PASSWORD`."""
    place = tmp_path_factory.mktemp("client")
    with running_server(place, env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD}, pair=pair) as running:
        running.known_admin = Credentials("admin", PASSWORD)
        yield running


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Shell:
    """Be logged in as the administrator once, for tests that change nothing."""
    made = Shell(tmp_path_factory.mktemp("lasting"))
    made.run("login", server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    return made


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Sit down at a terminal."""
    return Shell(tmp_path)


@pytest.fixture
def admin(shell: Shell, server: Server) -> Shell:
    """Be logged in as the administrator."""
    shell.run("login", server.url, "-u", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    return shell


def test_the_fixed_forms_and_the_story(admin: Shell, server: Server) -> None:
    assert "user:dora" in admin.says("user", "create", "dora", "--password-stdin", stdin=DORA)
    admin.run("group", "create", "developers")
    admin.run("group", "add", "developers", "dora")
    assert "robot:shop+builder" in admin.says("robot", "create", "builder", "--namespace", "shop")
    admin.run("grant", "add", "group:developers", "writer", "shop/**")
    denied = admin.run("grant", "add", "group:developers", "--deny", "pull", "shop/**:prod-*")
    assert "stays readable by digest" in denied.stderr
    admin.run("grant", "add", "user:dora", "reader", "tools/*:v*")
    admin.run("grant", "add", "robot:shop+builder", "writer", "shop/**:ci-*")
    admin.run("grant", "add", "anonymous", "reader", "open/**")
    admin.run("grant", "add", "user:dora", "reader", "when/**", "--when", "mon-fri 08:00-18:00 Europe/Berlin")
    assert "mon,tue,wed,thu,fri 08:00-18:00 Europe/Berlin" in admin.says("grant", "list", "--subject", "dora")
    listed = admin.says("grant", "list", "--path", "shop")
    assert "deny pull" in listed
    assert "group:developers" in listed
    made = admin.run("key", "create", "ci", "--for", "robot:shop+builder")
    assert re.fullmatch(r"hf_[0-9A-Za-z]{36}\n", made.stdout)
    assert "docker login" in made.stderr
    assert made.stdout.strip() not in made.stderr
    key = made.stdout.strip()
    why = admin.says("why", "user:dora", "pull", "shop/web:prod-1")
    assert why.startswith("denied: user:dora may not pull shop/web:prod-1\nbecause: denied by grant ")
    why = admin.says("why", "user:dora", "pull", "shop/web:dev-1")
    assert why.startswith("allowed: user:dora may pull shop/web:dev-1\n")
    assert admin.json("why", "anonymous", "pull", "open/x")["allowed"]
    assert "robot:shop+builder" in admin.says("who-may", "pull", "shop/web:ci-1")
    assert "shop/public is public" in admin.says("visibility", "set", "shop/public", "public")
    assert "as shop/public is" in admin.says("visibility", "show", "shop/public/x")
    machine = Shell(admin.home / "machine", {"HOLDFAST_URL": server.url, "HOLDFAST_KEY": key})
    machine.home.mkdir()
    assert machine.json("me")["subject"] == "robot:shop+builder"
    assert not machine.contexts.exists()
    admin.run("user", "disable", "dora")
    other = Shell(admin.home / "dora")
    other.home.mkdir()
    refused = other.refused("login", server.url, "-u", "dora", "--password-stdin", stdin=DORA)
    assert "log" in refused
    admin.run("user", "enable", "dora")
    assert "user:dora has no second factor any more" in admin.says("user", "second-factor", "reset", "dora")
    other.run("login", server.url, "-u", "dora", "--password-stdin", stdin=DORA)
    assert "group:developers" in other.says("me")
    assert "manage-access" in other.refused("grant", "add", "user:dora", "owner", "shop/**")
    assert "in your sight" in other.refused("user", "show", "admin")
    fresh = admin.run("key", "rotate", "ci", "--for", "robot:shop+builder", "--overlap", "0").stdout.strip()
    machine.refused("me")
    machine.environment["HOLDFAST_KEY"] = fresh
    assert machine.json("key", "list")["items"][0]["name"] == "ci"
    admin.run("key", "revoke", "ci", "--for", "robot:shop+builder")
    machine.refused("me")


def test_what_is_kept_is_a_token_that_logging_out_ends(admin: Shell, server: Server) -> None:
    kept = admin.contexts.read_text()
    assert PASSWORD not in kept
    assert admin.contexts.stat().st_mode & 0o777 == 0o600
    assert admin.contexts.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in admin.contexts.parent.iterdir()] == ["contexts.json"]
    assert len(admin.json("session", "list")["items"]) >= 1
    assert "logged out" in admin.says("logout")
    assert "log in first" in admin.refused("me", status=3)
    admin.contexts.write_text(kept)
    assert admin.refused("me").startswith("holdfast: ")


def test_contexts_stand_side_by_side(admin: Shell, server: Server) -> None:
    name = f"side-{len(server.logs.name)}"
    admin.run("user", "create", name, "--password-stdin", stdin=DORA)
    admin.run("login", server.url, "-u", name, "--password-stdin", "--context", "second", stdin=DORA)
    assert admin.json("me")["name"] == name
    assert admin.json("me", "--context", f"admin@{server.host}")["name"] == "admin"
    listed = admin.says("context", "list").splitlines()
    assert [line.split()[:2] for line in listed[1:] if line.startswith("*")] == [["*", "second"]]
    admin.run("context", "use", f"admin@{server.host}")
    assert admin.json("me")["name"] == "admin"
    admin.environment["HOLDFAST_CONTEXT"] = "second"
    assert admin.json("me")["name"] == name
    assert "there is no context 'third'" in admin.refused("me", "--context", "third", status=3)
    before = admin.json("session", "list")["items"]
    admin.run("login", server.url, "-u", name, "--password-stdin", "--context", "second", stdin=DORA)
    assert len(admin.json("session", "list")["items"]) == len(before), "the log-in before ended"
    del admin.environment["HOLDFAST_CONTEXT"]
    admin.run("user", "delete", name, "--context", f"admin@{server.host}")


def test_a_wrong_password_says_so_and_keeps_nothing(shell: Shell, server: Server) -> None:
    said = shell.refused("login", server.url, "-u", "admin", "--password-stdin", stdin="wrong wrong wrong")
    assert said.startswith("holdfast: ")
    assert "wrong wrong" not in said
    assert not shell.contexts.exists()
    assert "--password-stdin" in shell.refused("login", server.url, "-u", "admin", status=2)
    assert "nothing on standard input" in shell.refused(
        "login", server.url, "-u", "admin", "--password-stdin", stdin="", status=2
    )


def test_a_file_that_others_can_read_is_not_used(admin: Shell) -> None:
    admin.contexts.chmod(0o644)
    assert "others can read" in admin.refused("me", status=3)
    admin.contexts.chmod(0o600)
    admin.run("me")
    for damage in ("", "{", "[]", '{"contexts": 1, "current": ""}', '{"contexts": {"a": {"x": 1}}, "current": "a"}'):
        admin.contexts.write_text(damage)
        assert "remove it" in admin.refused("me", status=3)


def test_secrets_are_not_sent_in_clear_to_another_machine(shell: Shell) -> None:
    for url in ("http://192.0.2.1:5000", "http://registry.example.com"):
        said = shell.refused("login", url, "-u", "admin", "--password-stdin", stdin=PASSWORD, status=3)
        assert "--insecure-http" in said
        shell.environment.update(HOLDFAST_URL=url, HOLDFAST_KEY="hf_x")
        assert "--insecure-http" in shell.refused("me", status=3)
        shell.environment.clear()


@pytest.mark.parametrize("url", ["ftp://a", "http://", "http://a:b@127.0.0.1", "http://127.0.0.1/x"])
def test_what_is_no_url_is_refused(shell: Shell, url: str) -> None:
    assert "https://HOST" in shell.refused("login", url, "-u", "a", "--password-stdin", stdin="x", status=3)


def test_nobody_answers(shell: Shell) -> None:
    shell.environment["HOLDFAST_URL"] = f"http://127.0.0.1:{free_port()}"
    assert "does not answer: Connection refused" in shell.refused("me", status=3)


class _Elsewhere(http.server.BaseHTTPRequestHandler):
    """Sends everybody somewhere else, and keeps what it was shown."""

    seen: list[tuple[str, str | None]]
    answer: tuple[int, str, bytes]

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization")))
        status, location, body = self.answer
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("status", "location", "body"),
    [
        (302, "/stolen", b""),
        (307, "http://127.0.0.1:1/stolen", b""),
        (200, "", b"<html>a portal</html>"),
        (200, "", b"[" * 100_000),
        (502, "", b"bad gateway"),
        (404, "", b'{"error": 1}'),
    ],
)
def test_what_is_no_registry_is_told_apart_and_followed_nowhere(
    shell: Shell, status: int, location: str, body: bytes
) -> None:
    seen: list[tuple[str, str | None]] = []
    handler = type("Handler", (_Elsewhere,), {"seen": seen, "answer": (status, location, body)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        try:
            shell.environment.update(HOLDFAST_URL=f"http://127.0.0.1:{other.server_address[1]}", HOLDFAST_TOKEN="t")
            assert "registry" in shell.refused("me", status=3)
        finally:
            other.shutdown()
            thread.join()
    assert seen == [("/api/v1/me", "Bearer t")]


def test_what_a_server_says_cannot_steer_the_terminal(lasting: Shell) -> None:
    said = lasting.refused("user", "show", "a\x1b[31mb\x07")
    assert "\x1b" not in said
    assert "\x07" not in said


def test_a_refusal_is_json_for_programs(lasting: Shell) -> None:
    problem = json.loads(lasting.refused("user", "show", "nobody-there", "--json"))
    assert (problem["type"], problem["status"]) == ("/problems/unknown", 404)
    assert lasting.json("user", "list")["items"][0]["name"] == "admin"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("grant", "add", "user:admin", "shop/**"), "grant add SUBJECT ROLE"),
        (("grant", "add", "user:admin", "reader", "a/**", "b/**"), "globs in quotes"),
        (("grant", "add", "user:admin", "--deny", "pull", "reader", "a/**"), "grant add SUBJECT --deny ACTION"),
        (("grant", "add", "user:admin", "reader", "a/**", "--expires", "soon"), "is no time"),
        (("grant", "add", "user:admin", "reader", "a/**", "--claim", "x"), "NAME=VALUE"),
        (("grant", "remove", "x"), "not a valid"),
        (("user", "change", "admin"), "nothing to change"),
        (("user", "create", "x", "--password-stdin", "--no-password"), "exclude each other"),
        (("role", "create", "x"), "at least one --action"),
        (("key", "create", "x", "--role", "reader"), "belong together"),
        (("key", "rotate", "x", "--overlap", "long"), "is no span"),
        (("session", "end"), "give an ID, or --all"),
        (("visibility", "set", "a", "open"), "is not one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_words_that_make_no_sense_are_told_before_anything_is_sent(
    lasting: Shell, words: tuple[str, ...], said: str
) -> None:
    assert said in lasting.refused(*words, status=2)


def test_ones_own_password_needs_the_old_one(admin: Shell, server: Server) -> None:
    other = Shell(admin.home / "own")
    other.home.mkdir()
    admin.run("user", "create", "pia", "--password-stdin", stdin=DORA)
    other.run("login", server.url, "-u", "pia", "--password-stdin", stdin=DORA)
    assert "each on a line" in other.refused("user", "password", "pia", "--password-stdin", stdin=DORA, status=2)
    other.refused("user", "password", "pia", "--password-stdin", stdin="wrong wrong wrong\nanother long one\n")
    other.run("user", "password", "pia", "--password-stdin", stdin=f"{DORA}\nanother long one\n")
    other.run("login", server.url, "-u", "pia", "--password-stdin", stdin="another long one")
    admin.run("user", "password", "pia", "--password-stdin", stdin=DORA)
    assert other.refused("me")
    admin.run("user", "delete", "pia")


def test_a_private_authority_is_named_once(tmp_path: Path) -> None:
    program.holdfast(tmp_path, "tls", "init", "127.0.0.1")
    flags = ("--tls-cert", str(tmp_path / "tls/server.crt"), "--tls-key", str(tmp_path / "tls/server.key"))
    shell = Shell(tmp_path)
    with running_server(tmp_path, *flags, env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD}) as server:
        words = ("login", server.url, "-u", "admin", "--password-stdin")
        assert "its certificate is not trusted" in shell.refused(*words, stdin=PASSWORD, status=3)
        assert "cannot be read" in shell.refused(*words, "--ca-file", "nowhere.crt", stdin=PASSWORD, status=3)
        shell.run(*words, "--ca-file", "tls/ca.crt", stdin=PASSWORD)
        assert shell.json("me")["subject"] == "user:admin"
        shell.run("logout")
        plain = Shell(tmp_path, {"HOLDFAST_URL": f"http://{server.host}"})
        assert "holdfast: http://127.0.0.1" in plain.refused("me", status=3)
        shell.environment.update(HOLDFAST_URL=server.url, HOLDFAST_CA_FILE="tls/ca.crt")
        assert "give a user name" in shell.refused("me")


def test_an_open_registry_needs_no_log_in(tmp_path: Path) -> None:
    with running_server(tmp_path, "--open") as server:
        shell = Shell(tmp_path, {"HOLDFAST_URL": server.url})
        assert shell.json("me")["open"]
        shell.environment.clear()
        said = shell.run("login", server.url, "-u", "anybody", "--password-stdin", stdin="whatever it is")
        assert "everyone may do everything" in said.stderr
        assert "whatever" not in shell.contexts.read_text()
        shell.run("group", "create", "made-by-nobody")
        assert shell.json("group", "list")["items"][0]["made_by"] == "anonymous"
        shell.run("logout")
