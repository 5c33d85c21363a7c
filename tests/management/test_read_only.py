"""While the registry is read-only the API shows everything and changes nothing, and says why."""

from __future__ import annotations

from pathlib import Path

from tests.cli.program import holdfast
from tests.management.api import PREFIX, Asker
from tests.management.conftest import PASSWORD
from tests.pairs import Pair
from tests.serving import running_server


def test_changes_are_refused_with_the_reason(tmp_path: Path, pair: Pair) -> None:
    with running_server(tmp_path, env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD}, pair=pair) as server:
        asker = Asker.named(server, "admin", PASSWORD)
        asker.do(201, "POST", "/users", {"name": "before"})
        where = ("--data", str(server.data))  # beside it the environment says the rest
        holdfast(server.logs, "read-only", "on", "--reason", "moving until 18:00", *where, status=0, **server.env)
        for method, path, body in (
            ("POST", "/users", b'{"name": "during"}'),
            ("POST", "/users/before/disable", b""),
            ("DELETE", "/users/before", b""),
            ("POST", "/grants", b'{"subject": "user:before", "role": "reader", "scope": "a/**"}'),
            ("POST", "/keys", b'{"name": "during"}'),
            ("PUT", "/visibility", b'{"path": "a", "visibility": "public"}'),
        ):
            answer = asker.connection.ask(method, PREFIX + path, body, {"Content-Type": "application/json"})
            assert (answer.status, answer.json["type"]) == (503, "/problems/read-only"), answer
            assert "moving until 18:00" in answer.json["detail"]
            assert answer["retry-after"]
        assert {"admin", "before"} <= {each["name"] for each in asker.items("/users")}
        asker.do(200, "GET", "/me")
        holdfast(server.logs, "read-only", "off", *where, status=0, **server.env)
        asker.do(201, "POST", "/users", {"name": "during"})
        asker.close()
