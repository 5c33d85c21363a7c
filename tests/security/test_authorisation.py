"""Who may do what, for every row of the wire tables: nobody without the administrator's password, whatever is asked."""

from __future__ import annotations

import pytest
from tests.serving import Server
from tests.wire.always import checked
from tests.wire.client import Answer, Connection, basic, connected
from tests.wire.row import Row
from tests.wire.seed import Stage
from tests.wire.table import ROWS

from holdfast.distribution.router import Endpoint

STRANGERS = {
    "anonymous": "",
    "wrong password": basic("admin", "wrong password"),
    "unknown user": basic("nobody", "Planted-Password-4711"),
    "another scheme": "Bearer abc.def.ghi",
}
_OWN = ("x-request-id", "date", "content-length")


def shown(answer: Answer) -> tuple[object, ...]:
    """What an answer shows, without what differs from request to request."""
    message = answer.json["errors"][0]["message"] if answer.body else ""
    return answer.status, tuple(field for field in answer.fields if field[0] not in _OWN), message


def asked(connection: Connection, stage: Stage, row: Row, **more: str) -> Answer:
    sent = {name: stage.fill(value) for name, value in row.sent.items()}
    return checked(connection.ask(row.method, stage.fill(row.target), row.body, {**sent, **more}))


@pytest.mark.parametrize("endpoint", list(Endpoint))
def test_a_stranger_is_told_the_same_of_everything(
    admin: Connection, closed_server: Server, endpoint: Endpoint
) -> None:
    seen: dict[bool, set[tuple[object, ...]]] = {True: set(), False: set()}
    with connected(closed_server.port) as stranger:
        for row in (row for row in ROWS if row.endpoint is endpoint):
            stage = Stage(admin)
            for who, credential in STRANGERS.items():
                answer = asked(stranger, stage, row, Authorization=credential)
                assert answer.status == 401, f"{who}: {answer}"
                assert answer.code in (None, "UNAUTHORIZED")
                seen[row.method == "HEAD"].add(shown(answer))
            # The administrator finds everything as if nobody had asked before.
            answer = asked(admin, stage, row)
            assert answer.status == row.status, str(answer)
            if row.content is not None:
                assert answer.body == row.content
            if row.method != "HEAD":
                assert (answer.code or "") == row.code
            if (answer.header("cache-control") or "").startswith("public"):
                pytest.fail(f"a shared cache may keep what needs a password: {answer}")
    assert all(len(answers) <= 1 for answers in seen.values()), "a stranger's answer tells what is there"


@pytest.mark.parametrize("endpoint", list(Endpoint))
def test_an_open_server_asks_nobody(open_sown: Connection, endpoint: Endpoint) -> None:
    for row in (row for row in ROWS if row.endpoint is endpoint):
        stage = Stage(open_sown)
        for credential in ("", STRANGERS["wrong password"], "nonsense"):
            if credential and row.method not in ("GET", "HEAD"):
                continue
            answer = asked(open_sown, stage, row, Authorization=credential)
            assert answer.status == row.status, str(answer)


def test_health_needs_no_credential_and_tells_nothing(closed_server: Server) -> None:
    with connected(closed_server.port) as stranger:
        for path, status in (("/healthz", "ok"), ("/readyz", "ready")):
            answer = stranger.ask("GET", path)
            assert (answer.status, answer.json) == (200, {"status": status})
            assert stranger.ask("HEAD", path).status == 200
