"""The authorisation matrix: every route of `/v2`, every method, every kind of subject, every state of what is named,
against a table that was written by hand (matrix/roles.py, matrix/expected.py). How many were asked is printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.security.matrix.expected import Ask, status_of
from tests.security.matrix.requests import ABSENT, CASES, EVERYWHERE, REPOSITORIES
from tests.security.matrix.roles import ACTIONS, ROLES
from tests.security.matrix.subjects import SUBJECTS, Subject
from tests.security.matrix.world import World, world
from tests.serving import running_server
from tests.wire.client import Connection, connected

from holdfast.access.policy.model import BUILT_IN_ROLES, Action
from holdfast.distribution.router import Endpoint
from holdfast.distribution.surface import METHODS


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_server(tmp_path_factory.mktemp("matrix")) as server, world(server) as made:
        yield made


def every(subject: Subject, *, token: bool) -> Iterator[Ask]:
    for repository in REPOSITORIES:
        for case in CASES:
            yield Ask(subject, case, repository, token)
    for case in EVERYWHERE:
        yield Ask(subject, case, ABSENT, token)


def wrong(place: World, connection: Connection, ask: Ask, header: str, expected: int) -> str | None:
    name = place.name_of(ask.repository)
    answer = place.ask(connection, ask.case, ask.repository, header)
    if answer.status == expected:
        return None
    said = answer.body[:300].decode(errors="replace")
    return f"{ask.case.method} {ask.case.name} of {name}: {answer.status} instead of {expected} {said}"


@pytest.mark.parametrize("token", [False, True], ids=["as it is", "by token"])
@pytest.mark.parametrize("subject", [pytest.param(each, id=each.name) for each in SUBJECTS])
def test_every_subject_may_do_what_the_table_says(
    place: World, subject: Subject, token: bool, record_property: Callable[[str, object], None]
) -> None:
    red = []
    asked = 0
    with connected(place.server.port) as connection:
        for ask in every(subject, token=token):
            asked += 1
            header = place.token(subject, place.name_of(ask.repository)) if token else place.headers[subject.name]
            said = wrong(place, connection, ask, header, status_of(ask))
            if said is not None:
                red.append(said)
    assert not red, f"{len(red)} of {asked} as {subject.name}:\n" + "\n".join(red)
    way = " by token" if token else ""
    record_property("fault", f"authorisation matrix, {subject.name}{way}: {asked}")


def test_a_token_is_good_for_what_it_was_asked_for_alone(place: World) -> None:
    """A ceiling, whoever shows it: what it was not asked for is asked for by the challenge."""
    owner = next(each for each in SUBJECTS if each.name == "owner")
    header = place.token(owner, "team/app", "pull")
    with connected(place.server.port) as connection:
        for case in CASES:
            if case.method in ("GET", "HEAD") and case.endpoint not in (Endpoint.UPLOAD, Endpoint.UNROUTED):
                expected = status_of(Ask(owner, case, "team/app", token=True))
                assert place.ask(connection, case, "team/app", header).status == expected, case
            elif case.endpoint is not Endpoint.UNROUTED:
                answer = place.ask(connection, case, "team/app", header)
                assert answer.status == 401, str(answer)
                assert 'error="insufficient_scope"' in answer["www-authenticate"]


def test_the_table_knows_every_route_action_and_role() -> None:
    """A new route, action or role fails here until it has its rows."""
    asked = {(case.endpoint, case.method) for case in (*CASES, *EVERYWHERE)}
    for endpoint, methods in METHODS.items():
        for method in methods.split(", "):
            covered = (endpoint, method) in asked or (method == "HEAD" and (endpoint, "GET") in asked)
            assert covered, f"{method} of {endpoint} has no row"
    assert {str(action) for action in Action} == ACTIONS
    assert {role: {str(action) for action in actions} for role, actions in BUILT_IN_ROLES.items()} == ROLES
