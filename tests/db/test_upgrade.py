"""An upgrade from the first schema: a data directory of the program that knew migration 1 alone, as that program wrote
it, is migrated by a start, is whole, and serves everything that it served.

core/database.sql are its rows; core/store.txt says what its files held, which is made here: images and an index,
tags that moved and were deleted, a manifest deleted inside the window, referrers (one whose subject never came), a
mount, sha512, an object to be deleted, uploads under way in the database and in a file, and one that was cancelled.
That program kept everything in SQLite, so there is no other engine to upgrade from.
"""

from __future__ import annotations

import base64
import tarfile
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.clients.programs import INSTALLED, Client, find, make_home
from tests.faults.oracle import verify
from tests.pairs import Pair
from tests.serving import Credentials, Server, running_server
from tests.wire.client import Connection, connected
from tests.wire.content import digest, noise

from holdfast.db.migrate import migrate, migrations, sqlite_standing
from holdfast.db.session import system_clock

CORE = Path(__file__).with_name("core")
MASTER_KEY = b"the key of a test, and no secret"
ADMIN = Credentials("admin", "Of-The-Core-4711")
OPEN = {
    1000: "oWrpeleqcHXu7pr_lMic1wAGYNH-0gmSAJ52-ql029_n_VVLfV6OFwA",
    50000: "q_IwFo2f7cpf0cWNOds4NQAGYNH-0hFbAFO4cLXJlF4RJyITL5R1e6Y",
}
"""The uploads under way, by how far they were."""
FOR_EVER = "10000d"
KEPT = (
    "select t.repo_id, t.name, t.content_id, t.seq from tag t order by 1, 2",
    "select repo_id, seq, name, was_id, now_id, at from tag_event order by 1, 2, 3",
    "select id, repo_id, seq, at, actor, request, kind, data from journal where id <= 21 order by id",
    "select repo_id, content_id, kind, media_type, artifact_type, subject, gone_at from link order by 1, 2",
    "select repo_id, kept_id, keeper_id from edge order by 1, 2, 3",
)
"""What an upgrade changes nothing of."""
TAGS = """
    select r.path, t.name, c.digest
    from tag t join repository r on r.id = t.repo_id join content c on c.id = t.content_id order by 1, 2
"""
MOMENTS = {
    "account": ("made_at",),
    "candidate": ("due",),
    "doomed": ("due",),
    "installation": ("made_at",),
    "journal": ("at",),
    "lease": ("due",),
    "link": ("put_at", "gone_at"),
    "repository": ("born", "last_at", "gone_at"),
    "tag_event": ("at",),
    "upload": ("expires",),
}
"""Columns that hold times: they are moved to now, so that the directory was written a moment ago on every day."""


def layer(name: str, size: int) -> bytes:
    """A tar archive of one file."""
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry.tobuf(tarfile.USTAR_FORMAT) + noise(size, name) + bytes(-size % 512) + bytes(1024)


def lay(data: Path) -> None:
    """Write the data directory as it was."""
    (data / "store").mkdir(parents=True, mode=0o700)
    (data / "master.key").touch(0o600)
    (data / "master.key").write_bytes(base64.b64encode(MASTER_KEY) + b"\n")
    database = str(data / "holdfast.db")
    migrate(database, migrations()[:1])
    connection = apsw.Connection(database)
    connection.execute("delete from policy")
    connection.execute((CORE / "database.sql").read_text())
    installation: list[Any] = connection.execute("select uuid, made_at from installation").fetchall()
    ((uuid, made_at),) = installation
    age = system_clock() - made_at
    for table, columns in MOMENTS.items():
        for column in columns:
            connection.execute(f"update {table} set {column} = {column} + ?", (age,))
    connection.close()
    (data / "store" / ".holdfast-store").write_text(f"{uuid}\n")
    for line in (CORE / "store.txt").read_text().splitlines():
        path, kind, name, size = line.split()
        file = data / "store" / path
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_bytes(layer(name, int(size)) if kind == "layer" else noise(int(size), name))


def rows(data: Path, *questions: str) -> list[list[Any]]:
    """What the database answers."""
    connection = apsw.Connection(str(data / "holdfast.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [list(connection.execute(question)) for question in questions]
    finally:
        connection.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    lay(tmp_path / "data")
    return tmp_path / "data"


def test_a_directory_of_the_first_schema_is_migrated_and_serves_what_it_served(data: Path, tmp_path: Path) -> None:
    (before,), kept = rows(data, TAGS), rows(data, *KEPT)
    assert len(before) == 6
    assert all(kept)
    for number in (1, 2):  # the second start has nothing to migrate
        with running_server(tmp_path, "--uploads-expire", FOR_EVER, pair=Pair.EMBEDDED) as server:
            server.known_admin = ADMIN
            assert pulled(server, tmp_path / f"client-{number}", before) == len(before)
            with connected(server.port, {"Authorization": ADMIN.basic}) as admin:
                assert refers(admin, before, "v1.1") == ["application/vnd.example.signature"]
                assert refers(admin, before, "v2.0") == ["application/vnd.example.sbom"]
                assert admin.ask("GET", "/v2/team/app/manifests/gone").status == 404
                if number == 2:
                    for size, upload in OPEN.items():
                        finish(admin, upload, noise(size, "open"))
            verify(data, "--deep")
            if number == 1:
                assert rows(data, *KEPT) == kept
    standing = sqlite_standing(str(data / "holdfast.db"))
    assert standing is not None
    assert (standing.newest, standing.pending) == (migrations()[-1].number, ())
    verify(data, "--deep")


def pulled(server: Server, home: Path, tags: list[tuple[str, str, str]]) -> int:
    """How many tags a real client pulled: it holds every digest against what it got."""
    crane = Client(find("crane", *INSTALLED), make_home(home, server.host, ADMIN), ("--insecure",))
    for number, (repository, tag, expected) in enumerate(tags):
        name = f"{server.host}/{repository}:{tag}"
        assert crane("digest", name).lines == [expected]
        crane("pull", "--format=oci", name, home / f"pulled-{number}")
    return len(tags)


def refers(admin: Connection, tags: list[tuple[str, str, str]], tag: str) -> list[str]:
    """The types of what refers to a tag's manifest in team/app."""
    subject = next(found for repository, name, found in tags if (repository, name) == ("team/app", tag))
    answer = admin.ask("GET", f"/v2/team/app/referrers/{subject}")
    assert answer.status == 200, str(answer)
    return [each["artifactType"] for each in answer.json["manifests"]]


def finish(admin: Connection, upload: str, begun: bytes) -> None:
    """Go on with an upload where the other program left it."""
    at, rest = f"/v2/team/app/blobs/uploads/{upload}", noise(700, "rest")
    assert admin.ask("GET", at)["range"] == f"0-{len(begun) - 1}"
    answer = admin.ask("PUT", f"{at}?digest={digest(begun + rest)}", rest, {"Content-Type": "application/octet-stream"})
    assert answer.status == 201, str(answer)
    assert admin.ask("GET", f"/v2/team/app/blobs/{digest(begun + rest)}").body == begun + rest
