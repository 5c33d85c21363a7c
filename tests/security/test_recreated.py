"""A repository that was deleted and made again by another is another: a token of the first one is none of the second
(rule 13). Nothing deletes repositories yet, so the row of the first one is buried by hand."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.pairs import Pair
from tests.security.tenants import Tenants, ask_token, bearer
from tests.serving import running_server
from tests.wire.always import checked
from tests.wire.client import connected
from tests.wire.content import OCI_INDEX, digest, index
from tests.wire.repository import Repository

IMAGE = index([])
PLACE = "team/app"
REQUESTS = (
    ("GET", "manifests/v1"),
    ("HEAD", "manifests/v1"),
    ("GET", f"manifests/{digest(IMAGE)}"),
    ("GET", "manifests/nothing"),
    ("GET", f"blobs/{digest(b'nothing')}"),
    ("GET", "tags/list"),
    ("GET", f"referrers/{digest(IMAGE)}"),
    ("POST", "blobs/uploads/"),
    ("PUT", "manifests/v2"),
    ("DELETE", "manifests/v1"),
)


def test_a_token_of_a_repository_that_was_made_again_is_refused(tmp_path: Path) -> None:
    with running_server(tmp_path, pair=Pair.EMBEDDED) as server:
        tenants = Tenants(server)
        alice = tenants.user("alice")
        tenants.grant("user:alice", "maintainer", "team/**")
        with connected(server.port, {"Authorization": server.admin.basic}) as admin:
            repository = Repository(admin, PLACE)
            repository.manifest(IMAGE, "v1", OCI_INDEX)
            with connected(server.port) as connection:
                answer = ask_token(connection, alice, [f"repository:{PLACE}:pull,push,delete"])
                token = bearer(answer)
                used = {"Authorization": token, "Content-Type": OCI_INDEX}
                assert connection.ask("GET", f"/v2/{PLACE}/manifests/v1", b"", used).status == 200
                with sqlite3.connect(server.data / "holdfast.db") as database:
                    database.execute(
                        "update repository set path = path || '-gone', gone_at = 1 where path = ?", [PLACE]
                    )
                database.close()
                repository.manifest(IMAGE, "v1", OCI_INDEX)
                for method, rest in REQUESTS:
                    body = IMAGE if method == "PUT" else b""
                    answer = checked(connection.ask(method, f"/v2/{PLACE}/{rest}", body, used))
                    assert answer.status == 401, str(answer)
                again = bearer(ask_token(connection, alice, [f"repository:{PLACE}:pull"]))
                fresh = {"Authorization": again}
                assert connection.ask("GET", f"/v2/{PLACE}/manifests/v1", b"", fresh).status == 200
        tenants.close()
