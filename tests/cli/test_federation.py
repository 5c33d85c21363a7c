"""`holdfast issuer` and `holdfast federation` against a real server, and the tokens that they decide over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.access.federation.issuing import Issuing, github, issuing, jwk_set, key_of
from tests.access.federation.wire import Registry, basic, registry_of
from tests.cli.program import holdfast
from tests.serving import Server, running_server


class Desk:
    """An administrator's command line, logged in by the environment."""

    def __init__(self, place: Path, server: Server, token: str) -> None:
        self.place = place
        self._environment = {"HOLDFAST_URL": server.url, "HOLDFAST_TOKEN": token}

    def run(self, *words: str, status: int = 0) -> str:
        done = holdfast(self.place, *words, status=status, **self._environment)
        return done.stdout if status == 0 else done.stdout + done.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server"), "--outbound-allow", "127.0.0.0/8") as running:
        yield running


@pytest.fixture(scope="module")
def registry(server: Server) -> Iterator[Registry]:
    with registry_of(server) as found:
        yield found


@pytest.fixture
def desk(tmp_path: Path, server: Server, registry: Registry) -> Desk:
    token = registry.token(registry.admin, "registry:management:*").json["token"]
    return Desk(tmp_path, server, token)


@pytest.fixture(scope="module")
def ci() -> Iterator[Issuing]:
    with issuing(key_of("RS256", "ci")) as issuer:
        yield issuer


def test_a_machine_from_registration_to_removal(desk: Desk, registry: Registry, ci: Issuing, server: Server) -> None:
    said = desk.run("issuer", "add", "ci", "--preset", "github", "--iss", ci.iss)
    assert said == f"registered ci: tokens of {ci.iss} for {server.host}\n"
    registry.robot("shop", "ci", ("writer", "shop/**"))
    claims = ("--claim", "repository_id=74", "--claim", "ref=refs/heads/main")
    names = ("--namespace", "shop", "--issuer", "ci", "--robot", "robot:shop+ci")
    said = desk.run("federation", "add", "main", *names, *claims)
    assert said == "tokens of ci with ref=refs/heads/main, repository_id=74 are robot:shop+ci\n"

    token = ci.token(github(aud=server.host))
    assert registry.push("shop/web", "v1", basic("<token>", token)) == 201
    file = desk.place / "token"
    file.write_text(token + "\n")
    said = desk.run("federation", "test", str(file))
    assert "shop+ci" in said
    assert "matches" in said
    assert "repository_id" in said
    assert json.loads(desk.run("federation", "test", str(file), "--json"))["robot"] == "shop+ci"

    assert "github" in desk.run("issuer", "list")
    assert "shop+ci" in desk.run("federation", "list", "--namespace", "shop")
    assert json.loads(desk.run("federation", "show", "shop", "main", "--json"))["claims"]["repository_id"] == "74"
    assert "ci" in desk.run("issuer", "show", "ci")
    assert desk.run("federation", "remove", "shop", "main") == "removed main of shop\n"
    assert registry.push("shop/web", "v1", basic("<token>", token)) == 401
    assert "there is no rule" in desk.run("federation", "list")
    assert desk.run("issuer", "remove", "ci") == "removed ci and its rules\n"
    assert desk.run("issuer", "list") == "no issuer is registered\n"


def test_why_a_token_is_refused(desk: Desk, registry: Registry, ci: Issuing, server: Server) -> None:
    desk.run("issuer", "add", "why", "--preset", "github", "--iss", ci.iss)
    registry.robot("lib", "ci")
    names = ("--namespace", "lib", "--issuer", "why", "--robot", "lib+ci")
    desk.run("federation", "add", "tags", *names, "--claim", "repository_id=74", "--claim", "ref=refs/tags/v*")
    file = desk.place / "token"
    for claims, said in (
        (github(aud=server.host), "'ref' is 'refs/heads/main', not 'refs/tags/v*'"),
        (github(), "another audience"),
        (github(aud=server.host, exp=1_600_000_000), "expired"),
    ):
        file.write_text(ci.token(claims))
        assert said in desk.run("federation", "test", str(file), status=1)
    file.write_text(ci.token(github(aud=server.host, ref="refs/tags/v1", event_name="pull_request_target")))
    assert "pull request" in desk.run("federation", "test", str(file))
    desk.run("issuer", "remove", "why")


def test_keys_that_are_given(desk: Desk, registry: Registry) -> None:
    keys = desk.place / "keys.json"
    keys.write_text(json.dumps(jwk_set(key_of("ES256", "one"))))
    iss = "https://kubernetes.default.svc.cluster.local"
    desk.run("issuer", "add", "cluster", "--preset", "kubernetes", "--iss", iss, "--jwks", str(keys))
    assert "already" in desk.run("issuer", "add", "cluster", "--iss", iss, "--jwks", str(keys), status=1)
    keys.write_text(json.dumps(jwk_set(key_of("ES256", "two"))))
    assert desk.run("issuer", "change", "cluster", "--jwks", str(keys)) == "changed cluster\n"
    assert json.loads(desk.run("issuer", "show", "cluster", "--json"))["keys"] == ["two"]
    desk.run("issuer", "change", "cluster", "--audience", "https://registry.example.com")
    keys.write_text(json.dumps({"keys": [key_of("ES256", "two").as_dict(private=True)]}))
    assert "private key" in desk.run("issuer", "change", "cluster", "--jwks", str(keys), status=1)
    keys.write_text("no JSON")
    desk.run("issuer", "change", "cluster", "--jwks", str(keys), status=2)
    desk.run("issuer", "change", "cluster", status=2)
    desk.run("issuer", "remove", "cluster")


def test_what_makes_no_sense(desk: Desk, registry: Registry, ci: Issuing) -> None:
    names = ("--namespace", "shop", "--issuer", "nobody", "--robot", "shop+ci")
    assert "nobody" in desk.run("federation", "add", "x", *names, "--claim", "sub=a", status=1)
    desk.run("federation", "add", "x", *names, "--claim", "sub", status=2)
    desk.run("federation", "add", "x", *names, "--claim", "sub=a", "--claim", "sub=b", status=2)
    desk.run("federation", "add", "x", *names, status=2)
    assert "169.254.169.254" in desk.run("issuer", "add", "inside", "--iss", "https://169.254.169.254", status=1)
    desk.run("issuer", "show", "nobody", status=1)
    desk.run("federation", "show", "shop", "nobody", status=1)
