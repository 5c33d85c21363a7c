"""Who may do what, for every row of the wire tables: nobody without the administrator's password, whatever is asked."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.serving import Server
from tests.wire.always import checked
from tests.wire.client import Answer, Connection, basic, connected
from tests.wire.row import Row
from tests.wire.seed import SEED, Stage
from tests.wire.table import ROWS

from holdfast.distribution.router import Endpoint

_BESIDE = (Endpoint.TOKEN, Endpoint.KEYS)
"""Routes that are there to be asked by strangers."""
STRANGERS = {
    "anonymous": "",
    "wrong password": basic("admin", "wrong password"),
    "unknown user": basic("nobody", "Planted-Password-4711"),
    "another scheme": "Bearer abc.def.ghi",
}
_REPOSITORY = re.compile(rf"{SEED}|table/row-[0-9]+")
_OWN = ("x-request-id", "date", "content-length")


def shown(answer: Answer, name: str) -> tuple[object, ...]:
    """What an answer shows, without what differs from request to request, and without the name that was asked for."""
    entry: Any = answer.json["errors"][0] if answer.body else {"message": "", "detail": {}}
    said = {key: value for key, value in entry["detail"].items() if key != "request_id"}
    fields = tuple((key, value.replace(name, "NAME")) for key, value in answer.fields if key not in _OWN)
    return answer.status, fields, entry["message"], json.dumps(said, sort_keys=True).replace(name, "NAME")


def elsewhere(target: str) -> tuple[str, str, str]:
    """A repository that a target names, one of the same length that is nowhere, and the target with that one."""
    found = _REPOSITORY.search(target)
    if found is None:
        return "nobody", "nobody", target
    nowhere = "table/none" if found[0] == SEED else found[0].replace("/row-", "/not-")
    return found[0], nowhere, target.replace(found[0], nowhere)


def asked(connection: Connection, stage: Stage, row: Row, **more: str) -> Answer:
    sent = {name: stage.fill(value) for name, value in row.sent.items()}
    return checked(connection.ask(row.method, stage.fill(row.target), row.body, {**sent, **more}))


@pytest.mark.parametrize("endpoint", [each for each in Endpoint if each not in _BESIDE])
def test_a_stranger_is_told_the_same_of_what_is_there_and_what_is_not(
    admin: Connection, closed_server: Server, endpoint: Endpoint
) -> None:
    with connected(closed_server.port) as stranger:
        for row in (row for row in ROWS if row.endpoint is endpoint):
            stage = Stage(admin)
            sent = {name: stage.fill(value) for name, value in row.sent.items()}
            name, nowhere, target = elsewhere(stage.fill(row.target))
            seen = set()
            for who, credential in STRANGERS.items():
                headers = {**sent, "Authorization": credential}
                for asked_for, path in ((name, stage.fill(row.target)), (nowhere, target)):
                    answer = checked(stranger.ask(row.method, path, row.body, headers))
                    assert answer.status == 401, f"{who}: {answer}"
                    assert answer.code in (None, "UNAUTHORIZED")
                    assert ("invalid_token" in answer["www-authenticate"]) == (who == "another scheme")
                    seen.add(str(shown(answer, asked_for)).replace(',error="invalid_token"', ""))
            assert len(seen) == 1, f"a stranger's answer tells what is there: {row.title}"
            # The administrator finds everything as if nobody had asked before.
            answer = asked(admin, stage, row)
            assert answer.status == row.status, str(answer)
            if row.content is not None:
                assert answer.body == row.content
            if row.method != "HEAD":
                assert (answer.code or "") == row.code
            if (answer.header("cache-control") or "").startswith("public"):
                pytest.fail(f"a shared cache may keep what needs a password: {answer}")


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
