"""Tokens over the wire: what the endpoint gives, what a challenge asks for, what is refused how (rules 11 to 17)."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from statistics import median

import pytest
from tests.security.tenants import PASSWORD, Tenants, ask_token, bearer, claims, post_token
from tests.serving import Server
from tests.wire.always import CHALLENGE, checked
from tests.wire.client import Answer, Connection, basic, connected
from tests.wire.content import digest, image, noise
from tests.wire.repository import Repository

CONFIG, LAYER = noise(200, "tokens config"), noise(5000, "tokens layer")
IMAGE = image(CONFIG, [LAYER])
_OWN = ("x-request-id", "date", "content-length")
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def tenants(closed_server: Server) -> Iterator[Tenants]:
    made = Tenants(closed_server)
    yield made
    made.close()


@pytest.fixture
def namespace(closed_server: Server) -> str:
    """A namespace of the test's own with `app`, which holds an image as `v1`."""
    name = f"tokens{next(_NUMBERS)}"
    with connected(closed_server.port, {"Authorization": closed_server.admin.basic}) as connection:
        repository = Repository(connection, f"{name}/app")
        repository.blob(CONFIG)
        repository.blob(LAYER)
        repository.manifest(IMAGE, "v1")
    return name


@pytest.fixture
def wire(closed_server: Server) -> Iterator[Connection]:
    with connected(closed_server.port) as connection:
        yield connection


@pytest.fixture
def alice(tenants: Tenants) -> tuple[str, str]:
    """A user of the test's own: its name and its Authorization."""
    name = f"alice{next(_NUMBERS)}"
    return name, tenants.user(name)


def ask(connection: Connection, authorization: str, method: str, target: str, body: bytes = b"", **sent: str) -> Answer:
    return checked(connection.ask(method, target, body, {"Authorization": authorization, **sent}))


def said(answer: Answer) -> dict[str, str | None]:
    """The scope and the error of a challenge."""
    found = CHALLENGE.fullmatch(answer["www-authenticate"])
    assert found is not None
    return {name: value for name, value in found.groupdict().items() if value is not None}


PATHS = ("/token", "/service/token", "/oauth2/token", "/v2/token", "/v2/auth")


@pytest.mark.parametrize("path", PATHS)
def test_every_name_of_the_endpoint_gives_a_token(
    wire: Connection, tenants: Tenants, namespace: str, alice: tuple[str, str], path: str
) -> None:
    name, credential = alice
    tenants.grant(f"user:{name}", "reader", f"{namespace}/**")
    scope = f"repository:{namespace}/app:pull"
    for answer in (
        ask_token(wire, credential, [scope], path, service="whatever", account=name),
        post_token(wire, path, grant_type="password", username=name, password=PASSWORD, scope=scope, service="x"),
    ):
        assert answer.json["expires_in"] == 300
        assert answer.json["issued_at"].endswith("Z")
        assert "refresh_token" not in answer.json
        assert ask(wire, bearer(answer), "GET", f"/v2/{namespace}/app/manifests/v1").body == IMAGE
        assert ask(wire, bearer(answer), "GET", "/v2/").status == 200
    assert answer.json["scope"] == scope


def test_nobody_is_refused_a_token_for_lack_of_access(wire: Connection, namespace: str, alice: tuple[str, str]) -> None:
    scopes = [f"repository:{namespace}/app:pull,push", "repository:nowhere:*", "repository(plugin):x:pull", "a:b:c"]
    for credential in ("", alice[1]):
        answer = ask_token(wire, credential, scopes)
        assert [entry["actions"] for entry in claims(answer)["access"]] == [[], [], [], []]
        token = bearer(answer)
        refused = ask(wire, token, "GET", f"/v2/{namespace}/app/manifests/v1")
        assert (refused.status, refused.code) == (403, "DENIED"), "listed and refused"
        assert "'pull'" in refused.json["errors"][0]["message"]
        missing = ask(wire, token, "GET", f"/v2/{namespace}/other/manifests/v1")
        assert (missing.status, missing.code) == (401, "UNAUTHORIZED"), "not listed"
        assert said(missing) == {"scope": f"repository:{namespace}/other:pull", "error": "insufficient_scope"}


def test_a_catalog_needs_its_own_scope(wire: Connection, namespace: str, alice: tuple[str, str]) -> None:
    refused = ask(wire, bearer(ask_token(wire, alice[1], [f"repository:{namespace}/app:pull"])), "GET", "/v2/_catalog")
    assert said(refused) == {"scope": "registry:catalog:*", "error": "insufficient_scope"}
    listed = ask(wire, bearer(ask_token(wire, alice[1], ["registry:catalog:*"])), "GET", "/v2/_catalog?n=10000")
    assert f"{namespace}/app" not in listed.json["repositories"]


def test_a_ping_asks_for_a_log_in_whatever_is_open(wire: Connection, tenants: Tenants, namespace: str) -> None:
    tenants.open(namespace)
    for path in ("/v2/", "/v2"):
        answer = ask(wire, "", "GET", path)
        assert answer.status == 401
        assert said(answer) == {}
    assert ask(wire, bearer(ask_token(wire)), "GET", "/v2/").status == 200
    tenants.open(namespace, public=False)  # the server is others' too


def test_what_is_open_is_served_to_everyone_and_nothing_else_is(
    wire: Connection, tenants: Tenants, namespace: str
) -> None:
    app = f"/v2/{namespace}/app"
    reads = [
        f"{app}/manifests/v1",
        f"{app}/manifests/{digest(IMAGE)}",
        f"{app}/blobs/{digest(LAYER)}",
        f"{app}/tags/list",
    ]
    reads.append(f"{app}/referrers/{digest(IMAGE)}")
    for path in reads:
        assert ask(wire, "", "GET", path).status == 401
    tenants.open(f"{namespace}/app")
    for token in ("", bearer(ask_token(wire, "", [f"repository:{namespace}/app:pull"]))):
        for path in reads:
            for method in ("GET", "HEAD"):
                assert ask(wire, token, method, path).status == 200, path
        refused = ask(wire, token, "PUT", f"{app}/manifests/v2", IMAGE)
        assert refused.status == 401
        assert said(refused)["scope"] == f"repository:{namespace}/app:pull,push"
        assert ask(wire, token, "DELETE", f"{app}/manifests/v1").status == 401
        assert ask(wire, token, "POST", f"{app}/blobs/uploads/").status == 401
    assert f"{namespace}/app" in ask(wire, "", "GET", "/v2/_catalog?n=10000").json["repositories"]
    assert ask(wire, "", "GET", f"/v2/{namespace}/absent/tags/list").status == 401
    tenants.open(f"{namespace}/app", public=False)
    for path in reads:
        assert ask(wire, "", "GET", path).status == 401


CHALLENGES = [
    ("GET", "{app}/manifests/v1", "repository:{name}:pull"),
    ("HEAD", "{app}/manifests/v1", "repository:{name}:pull"),
    ("PUT", "{app}/manifests/v1", "repository:{name}:pull,push"),
    ("DELETE", "{app}/manifests/v1", "repository:{name}:delete"),
    ("GET", "{app}/blobs/{digest}", "repository:{name}:pull"),
    ("DELETE", "{app}/blobs/{digest}", "repository:{name}:delete"),
    ("POST", "{app}/blobs/uploads/", "repository:{name}:pull,push"),
    (
        "POST",
        "{app}/blobs/uploads/?mount={digest}&from=other/one",
        "repository:{name}:pull,push repository:other/one:pull",
    ),
    ("POST", "{app}/blobs/uploads/?mount={digest}&from=NO", "repository:{name}:pull,push"),
    ("PATCH", "{app}/blobs/uploads/x", "repository:{name}:pull,push"),
    ("GET", "{app}/blobs/uploads/x", "repository:{name}:pull,push"),
    ("DELETE", "{app}/blobs/uploads/x", "repository:{name}:pull,push"),
    ("GET", "{app}/tags/list", "repository:{name}:pull"),
    ("GET", "{app}/referrers/{digest}", "repository:{name}:pull"),
    ("GET", "/v2/nothing/here", None),
    ("GET", "/v2/UPPER/tags/list", None),
    ("BREW", "/v2/", None),
]


@pytest.mark.parametrize(("method", "target", "scope"), CHALLENGES)
def test_a_challenge_names_what_is_needed(wire: Connection, method: str, target: str, scope: str | None) -> None:
    names = {"app": "/v2/private/app", "name": "private/app", "digest": digest(LAYER)}
    answer = ask(wire, "", method, target.format_map(names))
    assert answer.status == 401
    assert said(answer).get("scope") == (scope.format_map(names) if scope is not None else None)
    if scope is not None:
        # What is asked for is what is enough: no second question, whatever the rights are.
        token = bearer(ask_token(wire, "", scope.format_map(names).split()))
        assert "insufficient_scope" not in (
            ask(wire, token, method, target.format_map(names)).header("www-authenticate") or ""
        )


def test_a_mount_without_the_right_to_the_source_is_an_ordinary_upload(
    wire: Connection, tenants: Tenants, namespace: str, alice: tuple[str, str]
) -> None:
    name, credential = alice
    tenants.grant(f"user:{name}", "writer", f"{namespace}/mine/**")
    path = f"/v2/{namespace}/mine/app/blobs/uploads/?mount={{}}&from={{}}"
    seen = set()
    scopes = [f"repository:{namespace}/mine/app:pull,push"]
    for source in (f"{namespace}/app", f"{namespace}/nil"):
        token = bearer(ask_token(wire, credential, [*scopes, f"repository:{source}:pull"]))
        for authorization in (credential, token):
            for sum_ in (digest(LAYER), digest(b"nobody has it")):
                answer = ask(wire, authorization, "POST", path.format(sum_, source))
                seen.add((answer.status, answer["range"], answer.body))
    assert seen == {(202, "0-0", b"")}
    token = bearer(ask_token(wire, credential, scopes))
    refused = ask(wire, token, "POST", path.format(digest(LAYER), f"{namespace}/app"))
    assert said(refused) == {"scope": f"{scopes[0]} repository:{namespace}/app:pull", "error": "insufficient_scope"}


def test_a_bad_credential_buys_nothing_and_all_are_told_alike(wire: Connection, alice: tuple[str, str]) -> None:
    name, _ = alice
    answers = [
        ask_token(wire, credential)
        for credential in (
            basic(name, "wrong"),
            basic("nobody-at-all", "wrong"),
            basic(name, "hf_wrong"),
            "Bearer a.b.c",
            "x",
        )
    ]
    answers += [ask_token(wire, basic(name, "eyJhbGciOiJub25lIn0.e30."))]
    forms = (
        {"grant_type": "password", "username": name, "password": "wrong"},
        {"grant_type": "password", "username": "nobody-at-all", "password": "wrong"},
        {"grant_type": "refresh_token", "refresh_token": "hfr_wrong"},
    )
    posted = [post_token(wire, **form) for form in forms]
    assert {answer.status for answer in (*answers, *posted)} == {401}
    assert {answer["www-authenticate"] for answer in (*answers, *posted)} == {'Basic realm="holdfast", charset="UTF-8"'}
    assert len({answer.json["errors"][0]["message"] for answer in (*answers, *posted)}) == 1
    assert {answer.json.get("error") for answer in answers} == {None}
    assert {answer.json.get("error") for answer in posted} == {"invalid_grant"}


def test_a_token_buys_no_token(wire: Connection, alice: tuple[str, str]) -> None:
    token = bearer(ask_token(wire, alice[1]))
    assert ask_token(wire, token).status == 401


def test_a_wrong_password_takes_as_long_for_a_name_that_is_none(wire: Connection, alice: tuple[str, str]) -> None:
    """Not asserted as a time but as a work: both go through the same hash, and only one in each of them."""
    spent: dict[str, list[float]] = {"real": [], "unreal": []}
    for number in range(3):
        for kind, name in (("real", alice[0]), ("unreal", f"nobody-{number}")):
            began = time.perf_counter()
            ask_token(wire, basic(name, f"wrong-{number}"))
            spent[kind].append(time.perf_counter() - began)
    print({kind: f"{median(times) * 1000:.1f} ms" for kind, times in spent.items()})


def test_containerd_repeats_a_wrong_password_and_it_counts_once(
    wire: Connection, tenants: Tenants, alice: tuple[str, str]
) -> None:
    """It posts, and after 401 comes again by GET: two requests with one secret."""
    name, credential = alice
    for _ in range(20):
        assert post_token(wire, grant_type="password", username=name, password="wrong").status == 401
        assert ask_token(wire, basic(name, "wrong")).status == 401
    assert ask_token(wire, credential).status == 200


def test_a_refresh_token_gives_tokens_until_it_is_revoked(
    wire: Connection, tenants: Tenants, namespace: str, alice: tuple[str, str]
) -> None:
    name, credential = alice
    tenants.grant(f"user:{name}", "reader", f"{namespace}/**")
    scope = f"repository:{namespace}/app:pull"
    by_get = ask_token(wire, credential, [scope], offline_token="true", client_id="docker")
    by_post = post_token(
        wire, grant_type="password", username=name, password=PASSWORD, access_type="offline", client_id="containerd"
    )
    for answer in (by_get, by_post):
        secret = answer.json["refresh_token"]
        again = post_token(wire, grant_type="refresh_token", refresh_token=secret, scope=scope, service="x")
        assert ask(wire, bearer(again), "GET", f"/v2/{namespace}/app/manifests/v1").status == 200
        assert "refresh_token" not in again.json
    sessions = tenants.admin.items(f"/sessions?account={name}")
    assert [session["client"] for session in sessions] == ["docker", "containerd"]
    tenants.admin.do(204, "DELETE", f"/sessions/{sessions[0]['id']}")
    refused = post_token(wire, grant_type="refresh_token", refresh_token=by_get.json["refresh_token"])
    assert refused.status == 401
    assert post_token(wire, grant_type="refresh_token", refresh_token=by_post.json["refresh_token"]).status == 200


def test_what_is_hidden_answers_like_what_is_absent(
    wire: Connection, tenants: Tenants, namespace: str, alice: tuple[str, str]
) -> None:
    """For who may do nothing, and for who may only push: by Basic and by a token that lists the name."""
    name, credential = alice
    tenants.grant(f"user:{name}", "writer", f"{namespace}/mine")
    hidden, absent = f"{namespace}/app", f"{namespace}/non"
    tenants.admin.do(201, "POST", "/roles", {"name": f"dropbox-{name}", "actions": ["create-tag", "create-repository"]})
    for may_push in (False, True):
        if may_push:
            tenants.grant(f"user:{name}", f"dropbox-{name}", f"{namespace}/*")
        for method, rest, body in (
            ("GET", "manifests/v1", b""),
            ("HEAD", "manifests/v1", b""),
            ("GET", f"manifests/{digest(IMAGE)}", b""),
            ("HEAD", f"manifests/{digest(IMAGE)}", b""),
            ("GET", f"blobs/{digest(LAYER)}", b""),
            ("HEAD", f"blobs/{digest(LAYER)}", b""),
            ("GET", "tags/list", b""),
            ("GET", f"referrers/{digest(IMAGE)}", b""),
            ("DELETE", "manifests/v1", b""),
            ("DELETE", f"blobs/{digest(LAYER)}", b""),
            *(() if may_push else (("POST", "blobs/uploads/", b""), ("PUT", "manifests/v1", IMAGE))),
        ):
            shown = set()
            for repository in (hidden, absent):
                token = bearer(ask_token(wire, credential, [f"repository:{repository}:pull,push,delete"]))
                for authorization in (credential, token):
                    answer = ask(wire, authorization, method, f"/v2/{repository}/{rest}", body)
                    fields = [field for field in answer.fields if field[0] not in _OWN]
                    entry = str(answer.json["errors"][0]) if answer.body else ""
                    shown.add(
                        str((answer.status, fields, entry.replace(answer["x-request-id"], ""))).replace(repository, "")
                    )
            assert len(shown) == 1, (may_push, method, rest, shown)


def test_who_may_push_and_not_pull_is_told_nothing_and_can_push(
    wire: Connection, tenants: Tenants, namespace: str, alice: tuple[str, str]
) -> None:
    name, credential = alice
    tenants.admin.do(201, "POST", "/roles", {"name": f"push-{name}", "actions": ["create-tag", "overwrite"]})
    tenants.grant(f"user:{name}", f"push-{name}", f"{namespace}/app")
    app = f"/v2/{namespace}/app"
    for authorization in (credential, bearer(ask_token(wire, credential, [f"repository:{namespace}/app:pull,push"]))):
        for reference in ("v1", "nothing", digest(IMAGE), digest(b"nothing")):
            assert ask(wire, authorization, "HEAD", f"{app}/manifests/{reference}").status == 404
            assert ask(wire, authorization, "GET", f"{app}/manifests/{reference}").code == "DENIED"
        for method in ("HEAD", "GET"):
            assert ask(wire, authorization, method, f"{app}/blobs/{digest(LAYER)}").status == 404
        with connected(wire.port, {"Authorization": authorization}) as pusher:
            repository = Repository(pusher, f"{namespace}/app")
            repository.blob(LAYER)
            assert ask(wire, authorization, "HEAD", f"{app}/blobs/{digest(LAYER)}").status == 200, "its own, leased"
            repository.blob(CONFIG)
            repository.manifest(IMAGE, "v2")
        assert ask(wire, authorization, "HEAD", f"{app}/blobs/{digest(LAYER)}").status == 404, "the manifest is in"
        assert ask(wire, authorization, "HEAD", f"{app}/manifests/v2").status == 404


def test_by_method_and_tag_as_well_as_path(
    wire: Connection, tenants: Tenants, namespace: str, alice: tuple[str, str]
) -> None:
    """Delete is never push, overwrite never create, and a tag in the query is a tag (rule 11)."""
    name, credential = alice
    tenants.admin.do(201, "POST", "/roles", {"name": f"new-{name}", "actions": ["pull", "create-tag"]})
    tenants.grant(f"user:{name}", f"new-{name}", f"{namespace}/app:dev-*")
    tenants.grant(f"user:{name}", "reader", f"{namespace}/app")
    app = f"/v2/{namespace}/app"
    kind = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    token = bearer(ask_token(wire, credential, [f"repository:{namespace}/app:pull,push,delete"]))
    other = image(CONFIG, [LAYER], annotations={"a": "b"})
    for authorization in (credential, token):
        tag = f"dev-{'basic' if authorization == credential else 'bearer'}"
        assert ask(wire, authorization, "PUT", f"{app}/manifests/{tag}", IMAGE, **kind).status == 201
        for method, target, body in (
            ("PUT", f"{app}/manifests/{tag}", other),
            ("PUT", f"{app}/manifests/prod-1", IMAGE),
            ("PUT", f"{app}/manifests/{digest(IMAGE)}?tag=prod-1", IMAGE),
            ("PUT", f"{app}/manifests/{digest(IMAGE)}?tag=dev-x&tag=prod-1", IMAGE),
            ("DELETE", f"{app}/manifests/{tag}", b""),
            ("DELETE", f"{app}/manifests/{digest(IMAGE)}", b""),
        ):
            answer = ask(wire, authorization, method, target, body, **kind)
            assert (answer.status, answer.code) == (403, "DENIED"), target
    assert ask(wire, credential, "HEAD", f"{app}/manifests/dev-x").status == 404, "nothing of a refused push is kept"


def test_a_cookie_is_no_credential(wire: Connection, closed_server: Server) -> None:
    answer = checked(wire.ask("GET", "/v2/", headers={"Cookie": f"session={closed_server.admin.basic}"}))
    assert answer.status == 401
