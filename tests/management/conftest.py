"""Fixtures: one server a pair, and two tenants on it who must not see each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.management.api import Asker, segment
from tests.pairs import BOTH, Pair, pairs, run_on
from tests.serving import Credentials, Server, pause, running_server
from tests.wire.client import basic
from tests.wire.content import OCI_MANIFEST, digest, encoded, image

_LOOKS = 300
PASSWORD = "Planted-Password-4711"
_ON_BOTH = frozenset(
    {
        "test_tenants",
        "test_lists",
        "test_life",
        "test_workers",
        "test_audit",
        "test_read_only",
        "test_history",
        "test_events",
        "test_namespaces",
        "test_storage",
        "test_changes",
    }
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `pair`."""
    name = metafunc.module.__name__.rpartition(".")[2]
    run_on(metafunc, pairs(*BOTH) if name in _ON_BOTH else pairs(Pair.EMBEDDED))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    """Run a server whose administrator has the password `PASSWORD`."""
    with running_server(
        tmp_path_factory.mktemp("management"),
        env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD, "HOLDFAST_ALLOW_PRIVATE_TARGETS": "127.0.0.1/32"},
        pair=pair,
    ) as running:
        running.known_admin = Credentials("admin", PASSWORD)
        yield running


@pytest.fixture(scope="session")
def admin(server: Server) -> Iterator[Asker]:
    """Ask as the administrator."""
    asker = Asker.named(server, "admin", PASSWORD)
    yield asker
    asker.close()


class Asking:
    """Makes askers, and closes them in the end."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.made: list[Asker] = []

    def named(self, user: str, secret: str) -> Asker:
        """Ask as a user with a password, or by a key."""
        return self.by(basic(user, secret))

    def by(self, authorization: str = "") -> Asker:
        """Ask with this header."""
        self.made.append(Asker(self.server, authorization))
        return self.made[-1]


@pytest.fixture
def asking(server: Server) -> Iterator[Asking]:
    """Ask as whoever a test needs."""
    made = Asking(server)
    yield made
    for asker in made.made:
        asker.close()


@dataclass(frozen=True, slots=True)
class Tenant:
    """A team with a namespace: an owner, a member, a group, a robot with a key, a role, grants; an image NAME/app:1, a
    deleted tag and a deleted repository, a plan with its job, an inventory, an upload, a webhook, a request of its
    member for access, an invitation, a change of tags that was looked at, a list as a file. `time`: when all of it was
    there."""

    name: str
    owner: Asker
    member: Asker
    robot: Asker
    grant: int
    key: str
    session: int
    digest: str
    deleted: int
    plan: int
    job: int
    event: int
    webhook: int
    request: int
    invitation: int
    change: int
    export: int
    time: str

    @property
    def user(self) -> str:
        """Give the owner's name."""
        return f"{self.name}-owner"


@pytest.fixture(scope="session")
def tenants(server: Server, admin: Asker) -> Iterator[tuple[Tenant, Tenant]]:
    """Make two teams, `red` and `blue`."""
    made = (_tenant(server, admin, "red"), _tenant(server, admin, "blue"))
    yield made
    for tenant in made:
        for asker in (tenant.owner, tenant.member, tenant.robot):
            asker.close()


def _tenant(server: Server, admin: Asker, name: str) -> Tenant:
    for user in ("owner", "member"):
        admin.do(201, "POST", "/users", {"name": f"{name}-{user}", "password": f"{name} {user} pass phrase"})
    admin.do(201, "POST", "/grants", {"subject": f"user:{name}-owner", "role": "owner", "scope": f"{name}/**"})
    owner = Asker.named(server, f"{name}-owner", f"{name} owner pass phrase")
    owner.do(201, "POST", "/groups", {"name": f"{name}-team"})
    granted = owner.do(
        201, "POST", "/grants", {"subject": f"group:{name}-team", "role": "writer", "scope": f"{name}/**"}
    )
    owner.do(204, "PUT", f"/groups/{name}-team/members/user:{name}-member")
    owner.do(201, "POST", "/roles", {"name": f"{name}-role", "actions": ["pull"]})
    robot = owner.do(201, "POST", "/robots", {"namespace": f"{name}/app", "name": "ci"})["subject"]
    owner.do(201, "POST", "/grants", {"subject": robot, "role": "reader", "scope": f"{name}/app/**"})
    key = owner.do(201, "POST", "/keys", {"name": "pipeline", "owner": robot})["secret"]
    owner.do(201, "POST", "/keys", {"name": "laptop", "owner": f"user:{name}-owner"})
    owner.do(200, "PUT", "/visibility", {"path": f"{name}/open", "visibility": "public"})
    token = owner.connection.ask(
        "POST",
        "/token",
        f"grant_type=password&username={name}-owner&password={name}+owner+pass+phrase&access_type=offline"
        "&client_id=test&scope=registry:management:*".encode(),
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert token.status == 200, token
    session = owner.do(200, "GET", "/sessions")["items"][0]["id"]
    pushed = _content(owner, name)
    begun = owner.connection.ask("POST", f"/v2/{name}/app/blobs/uploads/")
    begun = owner.connection.ask("PATCH", begun["location"], b"some of it")
    assert begun.status == 202, begun
    started = owner.do(202, "POST", "/retention/plans", {"path": name})
    member = Asker.named(server, f"{name}-member", f"{name} member pass phrase")
    owner.do(200, "PUT", f"/inventories/cluster?path={name}", {"images": [f"{name}/app:1"]})
    return Tenant(
        name,
        owner,
        member,
        Asker.named(server, robot.partition(":")[2], key),
        granted["id"],
        f"/keys/{segment(robot)}/pipeline",
        session,
        *pushed,
        started["plan"],
        started["job"],
        _newest_event(owner, name),
        owner.do(201, "POST", "/webhooks", {"path": name, "url": "https://127.0.0.1:1/hook"})["id"],
        member.do(201, "POST", "/access-requests", {"action": "delete-tag", "repository": f"{name}/app"})["id"],
        owner.do(201, "POST", "/invitations", {"role": "reader", "scope": f"{name}/**"})["id"],
        owner.do(201, "POST", "/changes/tags", {"kind": "delete", "repository": f"{name}/app", "tags": ["1"]})["id"],
        owner.do(202, "POST", "/exports", {"list": "tags", "path": f"{name}/app"})["id"],
        owner.items(f"/history?target={name}/app:1")[0]["at"],
    )


def _newest_event(owner: Asker, name: str) -> int:
    """Give the place of what the fixture did last that has one, once it has."""
    for _ in range(_LOOKS):
        found = owner.do(200, "GET", f"/events?repository={name}/**&type=inventory&order=newest")["items"]
        if found:
            return int(found[0]["id"])
        pause(0.1)
    raise AssertionError("nothing is sealed")


def _content(owner: Asker, name: str) -> tuple[str, int]:
    """Make the namespace NAME/lib, push NAME/app:1, and what is deleted again: NAME/app:old and NAME/gone. Gives the
    digest of the first image and the id of the last repository."""
    owner.do(201, "POST", "/namespaces", {"path": f"{name}/lib"})
    pushed = _push(owner, f"{name}/app", "1")
    owner.do(200, "PATCH", f"/repositories/{segment(f'{name}/app')}", {"labels": {"team": name}})
    _push(owner, f"{name}/app", "old")
    owner.connection.ask("DELETE", f"/v2/{name}/app/manifests/old")
    _push(owner, f"{name}/gone", "1")
    return pushed, owner.do(200, "DELETE", f"/repositories/{segment(f'{name}/gone')}")["id"]


def _push(owner: Asker, repository: str, tag: str) -> str:
    config = encoded({"architecture": "amd64", "os": "linux", "author": f"{repository}:{tag}"})
    data = image(config)
    owner.connection.ask("POST", f"/v2/{repository}/blobs/uploads/?digest={digest(config)}", config)
    put = owner.connection.ask("PUT", f"/v2/{repository}/manifests/{tag}", data, {"Content-Type": OCI_MANIFEST})
    assert put.status == 201, put
    return digest(data)
