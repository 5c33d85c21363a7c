"""Keyless machines through a real server: a CI job pushes, a cluster pulls, and nobody else does either.

The issuers are real HTTP servers on loopback with keys of their own; their tokens are shaped as GitHub's and as a
Kubernetes cluster's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.access.federation.issuing import (
    Issuing,
    github,
    github_pull_request,
    issuing,
    jwk_set,
    key_of,
    kubernetes,
)
from tests.access.federation.wire import Registry, basic, registry_of
from tests.pairs import Pair
from tests.serving import Server, running_server

UID = "kubernetes.io/serviceaccount/uid"
ACCOUNT = "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"
PUSH = "repository:shop/web:pull,push"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    """A server with two workers that may ask loopback."""
    path = tmp_path_factory.mktemp("federation")
    flags = ("--outbound-allow", "127.0.0.0/8", "--workers", "2", "--public-url", "http://registry.example.com")
    with running_server(path, *flags, pair=pair) as running:
        yield running


@pytest.fixture(scope="module")
def registry(server: Server) -> Iterator[Registry]:
    with registry_of(server) as found:
        yield found


@pytest.fixture(scope="module")
def ci(registry: Registry) -> Iterator[Issuing]:
    """A GitHub-shaped issuer, whose repository 74 is the robot shop+ci."""
    with issuing(key_of("RS256", "ci")) as issuer:
        registry.issuer("ci", issuer.iss, preset="github")
        robot = registry.robot("shop", "ci", ("writer", "shop/**"))
        registry.rule("main", "ci", robot, repository_id="74")
        yield issuer


@pytest.fixture(scope="module")
def cluster(registry: Registry) -> Iterator[Issuing]:
    """A Kubernetes-shaped issuer, one of whose service accounts is the robot shop+pull."""
    with issuing(key_of("RS256", "cluster")) as issuer:
        registry.issuer("cluster", issuer.iss, preset="kubernetes")
        robot = registry.robot("shop", "pull", ("reader", "shop/**"))
        registry.rule("web", "cluster", robot, **{UID: ACCOUNT})
        yield issuer


def test_a_ci_job_pushes_and_a_cluster_pulls(registry: Registry, ci: Issuing, cluster: Issuing) -> None:
    job = basic("<token>", ci.token(github()))
    assert registry.push("shop/web", "v1", job) == 201
    assert registry.push("other/web", "v1", job) == 403
    kubelet = basic("<token>", cluster.token(kubernetes()))
    assert registry.pull("shop/web", "v1", kubelet) == 200
    assert registry.push("shop/web", "v2", kubelet) == 403


@pytest.mark.parametrize("name", ["<token>", "", "octocat", "shop+ci", "oauth2accesstoken", "$oauthtoken"])
def test_the_user_name_is_a_hint(registry: Registry, ci: Issuing, name: str) -> None:
    assert registry.pull("shop/web", "none", basic(name, ci.token(github()))) == 404


def test_it_is_exchanged_for_a_token(registry: Registry, ci: Issuing) -> None:
    machine = ci.token(github())
    for answer in (
        registry.token(basic("<token>", machine), PUSH),
        registry.exchange(machine, PUSH),
        registry.exchange(machine, PUSH, username="shop+ci"),
    ):
        assert answer.status == 200
        assert registry.push("shop/web", "exchanged", f"Bearer {answer.json['token']}") == 201
    assert registry.exchange(machine, PUSH, username="shop+pull").status == 401


def test_no_refresh_token_is_given_for_it(registry: Registry, ci: Issuing) -> None:
    job = basic("<token>", ci.token(github()))
    answer = registry.ask("GET", f"/token?scope={PUSH}&offline_token=true&client_id=docker", job)
    assert answer.status == 200
    assert "refresh_token" not in answer.json


def test_a_pull_request_reads_and_never_pushes(registry: Registry, ci: Issuing) -> None:
    assert registry.push("shop/web", "v1", basic("<token>", ci.token(github()))) == 201
    for claims in (github_pull_request(), github(event_name="pull_request_target"), github(event_name=None)):
        machine = ci.token(claims)
        token = registry.token(basic("shop+ci", machine), PUSH + ",delete").json["token"]
        for authorization in (basic("<token>", machine), basic("shop+ci", machine), f"Bearer {token}"):
            assert registry.pull("shop/web", "v1", authorization) == 200
            assert registry.push("shop/web", "v1", authorization) == 403
            assert registry.ask("DELETE", "/v2/shop/web/manifests/v1", authorization).status == 403


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "sts.example.com"},
        {"aud": None},
        {"iss": "https://token.actions.githubusercontent.com"},
        {"exp": 1_600_000_000},
        {"exp": None},
        {"exp": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"repository_id": "75"},
    ],
)
def test_what_is_not_for_us_is_nobody(registry: Registry, ci: Issuing, changed: dict[str, object]) -> None:
    machine = ci.token({**github(), **changed})
    answer = registry.ask("GET", "/v2/", basic("<token>", machine))
    assert answer.status == 401
    assert registry.token(basic("<token>", machine), PUSH).status == 401
    assert registry.exchange(machine, PUSH).status == 401
    wrong = registry.ask("GET", "/v2/", basic("<token>", "eyJhbGciOiJub25lIn0.e30.AAAA"))
    assert (wrong.status, wrong.json["errors"][0]["message"]) == (401, answer.json["errors"][0]["message"])


def test_what_is_forged_is_nobody(registry: Registry, ci: Issuing) -> None:
    good = ci.token(github())
    header, claims, signature = good.split(".")
    forged = [
        ci.token(github(), key=key_of("RS256", "stranger")),
        ci.token(github(), key=key_of("RS256", "stranger"), header={"kid": "ci"}),
        ci.token(github(), key=key_of("ES256", "ci")),
        ci.token(github(), header={"jwk": ci.keys[0].as_dict(private=False)}),
        ci.token(github(), header={"jku": ci.iss + "/keys"}),
        f"{header}.{claims}.{signature[:-4]}AAAA",
        f"{header}.{claims}.",
        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + claims + ".AAAA",
    ]
    for machine in forged:
        assert registry.ask("GET", "/v2/", basic("<token>", machine)).status == 401
        assert registry.exchange(machine, PUSH).status == 401
    assert registry.pull("shop/web", "none", basic("<token>", good)) == 404


def test_our_own_token_is_no_machines(registry: Registry, ci: Issuing) -> None:
    own = registry.token(basic("<token>", ci.token(github())), PUSH).json["token"]
    assert registry.ask("GET", "/v2/", basic("<token>", own)).status == 401
    assert registry.ask("GET", "/v2/", basic("shop+ci", own)).status == 401
    assert registry.exchange(own, PUSH).status == 401


def test_several_matches_need_a_name(registry: Registry, ci: Issuing) -> None:
    other = registry.robot("shop/docs", "ci", ("writer", "shop/docs/**"))
    registry.rule("docs", "ci", other, repository_id="76")
    registry.rule("both", "ci", registry.robot("shop", "second"), repository_id="76")
    machine = ci.token(github(repository_id="76"))
    assert registry.push("shop/docs/site", "v1", basic("<token>", machine)) == 401
    assert registry.push("shop/docs/site", "v1", basic("shop/docs+ci", machine)) == 201
    assert registry.push("shop/docs/site", "v1", basic("shop+second", machine)) == 403
    assert registry.push("shop/docs/site", "v1", basic("shop+ci", machine)) == 401


def test_versions_only_from_tags(registry: Registry, ci: Issuing) -> None:
    """By a rule over the claim, and by a condition of the grant."""
    release = registry.robot("lib", "release", ("writer", "lib/**"))
    registry.rule("release", "ci", release, repository_id="77", ref="refs/tags/v*")
    assert registry.push("lib/a", "v1", basic("<token>", ci.token(github(repository_id="77")))) == 401
    tagged = ci.token(github(repository_id="77", ref="refs/tags/v1", ref_type="tag"))
    assert registry.push("lib/a", "v1", basic("<token>", tagged)) == 201

    robot = registry.robot("app", "ci", ("writer", "app/**:main-*"))
    registry.grant(robot, "writer", "app/**:v*", claims={"ref": "refs/tags/v*"})
    registry.rule("all", "ci", robot, repository_id="78")
    assert registry.push("app/web", "base", registry.admin) == 201  # a grant with tags makes no repository
    branch = ci.token(github(repository_id="78"))
    tagged = ci.token(github(repository_id="78", ref="refs/tags/v2", ref_type="tag"))
    scope = "repository:app/web:pull,push"
    for machine, statuses in ((branch, {"main-1": 201, "v2": 403}), (tagged, {"main-1": 201, "v2": 201})):
        token = registry.token(basic("<token>", machine), scope).json["token"]
        for authorization in (basic("<token>", machine), f"Bearer {token}"):
            assert {tag: registry.push("app/web", tag, authorization) for tag in statuses} == statuses


def test_what_is_taken_away_holds_at_the_next_request(registry: Registry, ci: Issuing) -> None:
    robot = registry.robot("gone", "ci", ("writer", "gone/**"))
    registry.rule("rule", "ci", robot, repository_id="90")
    machine = ci.token(github(repository_id="90"))
    token = registry.token(basic("<token>", machine), "repository:gone/a:pull,push").json["token"]
    both = (basic("<token>", machine), f"Bearer {token}")

    def statuses() -> set[int]:
        # Several times: the connections reach one worker or the other.
        return {registry.pull("gone/a", "v1", each) for each in both * 3}

    assert registry.push("gone/a", "v1", both[1]) == 201
    assert statuses() == {200}
    registry.api("POST", "/robots/gone+ci/disable")
    assert statuses() == {401}
    registry.api("POST", "/robots/gone+ci/enable")
    assert statuses() == {200}
    registry.api("DELETE", "/federation/rules/gone/rule")
    assert statuses() == {401}


def test_two_issuers_of_one_name(registry: Registry) -> None:
    north, south = key_of("ES256", "north"), key_of("ES256", "south")
    with issuing() as cluster:
        cluster.iss = "https://kubernetes.default.svc.cluster.local"
        for name, key in (("north", north), ("south", south)):
            registry.issuer(name, cluster.iss, preset="kubernetes", jwks=jwk_set(key))
            robot = registry.robot(name, "pull", ("reader", f"{name}/**"))
            registry.rule("web", name, robot, **{UID: ACCOUNT})
        registry.api("POST", "/issuers", {"name": "east", "iss": cluster.iss, "jwks": jwk_set(north)}, 409)
        for key, statuses in ((north, (404, 403)), (south, (403, 404)), (key_of("ES256", "east"), (401, 401))):
            kubelet = basic("<token>", cluster.token(kubernetes(), key=key))
            assert (registry.pull("north/a", "v1", kubelet), registry.pull("south/a", "v1", kubelet)) == statuses


def test_an_issuer_inside_is_not_asked(tmp_path: Path, pair: Pair) -> None:
    """Without the setting, loopback and what is around it are not asked, whoever says so."""
    with running_server(tmp_path, pair=pair) as server, registry_of(server) as registry, issuing() as issuer:
        for iss in (issuer.iss, "https://169.254.169.254", "http://10.0.0.1:8080", "https://localhost"):
            registry.api("POST", "/issuers", {"name": "inside", "iss": iss}, 400)
        assert issuer.asked == []


def test_nothing_of_a_token_is_written(registry: Registry, ci: Issuing, server: Server) -> None:
    machine = ci.token(github())
    assert registry.push("shop/web", "v1", basic("<token>", machine)) == 201
    registry.api("POST", "/federation/test", {"token": machine})
    registry.ask("GET", "/v2/", basic("<token>", machine[:-2] + "AA"))
    signature = machine.rpartition(".")[2]
    for path in server.logs.rglob("*"):
        assert not path.is_file() or signature[:40].encode() not in path.read_bytes(), path


def test_the_command_line_says_why(registry: Registry, ci: Issuing) -> None:
    found = registry.api("POST", "/federation/test", {"token": ci.token(github(repository_id="75"))})
    assert (found["robot"], found["refusal"]) == (None, "no rule matches it")
    assert any("repository_id" in rule["refusal"] for rule in found["rules"])
    found = registry.api("POST", "/federation/test", {"token": ci.token(github_pull_request())})
    assert (found["robot"], found["reads_only"]) == ("shop+ci", True)
