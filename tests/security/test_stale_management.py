"""No operation of the management API changes anything by rights that ended after the caller was recognised."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.security.matrix.administration import Administration
from tests.security.matrix.managing import OPERATIONS, status_of
from tests.security.matrix.operation import Operation
from tests.security.matrix.subjects import SUBJECTS
from tests.security.matrix.world import world
from tests.security.stale import HEADER, stale_server
from tests.wire.client import Connection, connected

ADMINISTRATOR = next(each for each in SUBJECTS if each.name == "administrator")

_CHANGE_NOTHING = frozenset(
    {
        "check_audit",
        "compare_policy",
        "import_retention",
        "look_at_invitation",
        "test_federation",
        "test_policy",
        "test_retention",
    }
)
_AS_RECOGNISED = frozenset(
    {
        *("audit", "federation", "grants", "groups", "issuers", "jobs", "keys", "me", "policy", "providers", "robots"),
        *("roles", "sessions", "usage", "users", "visibility", "why", "retention", "inventories"),
        *("access-requests", "invitations"),
    }
)
"""What is read of accounts and rights, and of plans and inventories, rests on who was recognised for this request
(api/frame.py). Other reads of what the registry holds prove it, and every change does."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Administration, Connection, str]]:
    with (
        stale_server(tmp_path_factory.mktemp("stale")) as server,
        world(server) as made,
        connected(server.port, HEADER) as outdated,
    ):
        yield Administration(made), outdated, made.headers[ADMINISTRATOR.name]


@pytest.mark.parametrize("operation", [pytest.param(each, id=f"{at}-{each.id}") for at, each in enumerate(OPERATIONS)])
def test_nothing_is_done_by_what_was_recognised_of_an_account_that_changed(
    place: tuple[Administration, Connection, str], operation: Operation
) -> None:
    administration, outdated, header = place
    answer = administration.ask(outdated, operation, ADMINISTRATOR, header)
    expected = status_of(ADMINISTRATOR, operation)
    if expected >= 300:
        assert answer.status in (expected, 409), str(answer)
    elif operation.id in _CHANGE_NOTHING or (operation.method == "GET" and _room(operation) in _AS_RECOGNISED):
        assert answer.status == expected, str(answer)
    elif operation.method == "HEAD":
        assert answer.status == 409, str(answer)
    else:
        assert (answer.status, answer.json.get("type")) == (409, "/problems/stale"), str(answer)


def _room(operation: Operation) -> str:
    return operation.path.partition("?")[0].partition("/")[0]
