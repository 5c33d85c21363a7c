"""On every worker, on both databases: what was taken away is gone at the next request, by whichever credential."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.management.api import Asker, segment
from tests.management.conftest import PASSWORD
from tests.pairs import Pair
from tests.serving import Credentials, Server, running_server
from tests.wire.client import basic

_CONNECTIONS = 8
LONG = "a long enough pass phrase"


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    """Run a server of two workers."""
    place = tmp_path_factory.mktemp("workers")
    with running_server(place, "--workers", "2", env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD}, pair=pair) as running:
        running.known_admin = Credentials("admin", PASSWORD)
        yield running


@pytest.fixture
def admin_of(several: Server) -> Iterator[Asker]:
    """Ask as the administrator."""
    asker = Asker.named(several, "admin", PASSWORD)
    yield asker
    asker.close()


class Crowd:
    """One caller on several connections, so that every worker has recognised it."""

    def __init__(self, server: Server, authorization: str) -> None:
        self.askers = [Asker(server, authorization) for _ in range(_CONNECTIONS)]

    def statuses(self, method: str, path: str) -> set[int]:
        """What every connection is answered."""
        return {asker.ask(method, path).status for asker in self.askers}

    def close(self) -> None:
        """Let go of the connections."""
        for asker in self.askers:
            asker.close()


def token(admin: Asker, user: str, *, refresh: str = "") -> tuple[str, str]:
    """An access token and a refresh token."""
    form = (
        f"grant_type=refresh_token&refresh_token={refresh}"
        if refresh
        else f"grant_type=password&username={user}&password={LONG.replace(' ', '+')}&access_type=offline&client_id=t"
    )
    answer = admin.connection.ask(
        "POST",
        "/token",
        f"{form}&scope=registry:management:*".encode(),
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status == 200, answer
    return answer.json["access_token"], answer.json.get("refresh_token", "")


@pytest.mark.parametrize("by", ["password", "token", "session", "key"])
def test_a_disabled_user_is_refused_everywhere(several: Server, admin_of: Asker, by: str) -> None:
    name = f"every-{by}"
    admin_of.do(201, "POST", "/users", {"name": name, "password": LONG})
    authorization = basic(name, LONG)
    if by == "key":
        own = Asker.named(several, name, LONG)
        authorization = basic(name, own.do(201, "POST", "/keys", {"name": "k"})["secret"])
        own.close()
    elif by != "password":
        access, refresh = token(admin_of, name)
        authorization = f"Bearer {token(admin_of, name, refresh=refresh)[0] if by == 'session' else access}"
    crowd = Crowd(several, authorization)
    assert crowd.statuses("GET", "/me") == {200}
    assert crowd.statuses("GET", "/users") == {200}
    admin_of.do(200, "POST", f"/users/{name}/disable")
    assert crowd.statuses("GET", "/me") == {401}
    assert crowd.statuses("GET", "/users") == {401}
    crowd.close()


def test_a_right_that_was_taken_back_is_refused_everywhere(several: Server, admin_of: Asker) -> None:
    admin_of.do(201, "POST", "/users", {"name": "former", "password": LONG})
    admin_of.do(201, "POST", "/robots", {"namespace": "former", "name": "ci"})
    grant = admin_of.do(201, "POST", "/grants", {"subject": "user:former", "role": "owner", "scope": "former/**"})
    crowd = Crowd(several, basic("former", LONG))
    assert crowd.statuses("GET", "/robots/former+ci") == {200}
    admin_of.do(204, "DELETE", f"/grants/{grant['id']}")
    assert crowd.statuses("GET", "/robots/former+ci") == {404}
    admin_of.do(201, "POST", "/grants", {"subject": "user:former", "role": "owner", "scope": "former/**"})
    assert crowd.statuses("GET", "/robots/former+ci") == {200}
    admin_of.do(201, "POST", "/grants", {"subject": "user:former", "deny": ["manage-access"], "scope": "former/**"})
    assert crowd.statuses("GET", "/robots/former+ci") == {404}
    crowd.close()


def test_a_rotated_and_a_revoked_key_are_refused_everywhere(several: Server, admin_of: Asker) -> None:
    robot = admin_of.do(201, "POST", "/robots", {"namespace": "rotated", "name": "ci"})["subject"]
    key = f"/keys/{segment(robot)}/one"
    old = Crowd(several, basic("<token>", admin_of.do(201, "POST", "/keys", {"name": "one", "owner": robot})["secret"]))
    assert old.statuses("GET", "/me") == {200}
    new = Crowd(several, basic("<token>", admin_of.do(200, "POST", f"{key}/rotate", {"overlap": 0})["secret"]))
    assert old.statuses("GET", "/me") == {401}
    assert new.statuses("GET", "/me") == {200}
    admin_of.do(204, "DELETE", key)
    assert new.statuses("GET", "/me") == {401}
    old.close()
    new.close()


def test_a_session_that_was_ended_is_refused_everywhere(several: Server, admin_of: Asker) -> None:
    admin_of.do(201, "POST", "/users", {"name": "leaver", "password": LONG})
    crowd = Crowd(several, f"Bearer {token(admin_of, 'leaver', refresh=token(admin_of, 'leaver')[1])[0]}")
    assert crowd.statuses("GET", "/me") == {200}
    admin_of.do(200, "DELETE", "/sessions?account=leaver")
    assert crowd.statuses("GET", "/me") == {401}
    crowd.close()
