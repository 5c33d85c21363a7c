"""The authorisation matrix of the management API: every operation, every kind of subject, against rules written by
hand (matrix/managing.py). What a subject may not see is 404, what it sees and may not do 403."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.security.matrix.administration import Administration
from tests.security.matrix.managing import OPERATIONS, status_of
from tests.security.matrix.subjects import SUBJECTS, Subject
from tests.security.matrix.world import world
from tests.serving import running_server
from tests.wire.client import connected


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Administration, dict[str, str], int]]:
    flags = ("--allow-private-targets", "127.0.0.1/32")
    with running_server(tmp_path_factory.mktemp("matrix"), *flags) as server, world(server) as made:
        yield Administration(made), made.headers, server.port


@pytest.mark.parametrize("subject", [pytest.param(each, id=each.name) for each in SUBJECTS])
def test_every_subject_may_manage_what_the_table_says(
    place: tuple[Administration, dict[str, str], int], subject: Subject, record_property: Callable[[str, object], None]
) -> None:
    administration, headers, port = place
    red = []
    with connected(port) as connection:
        for operation in OPERATIONS:
            answer = administration.ask(connection, operation, subject, headers[subject.name])
            expected = status_of(subject, operation)
            if answer.status != expected:
                said = answer.body[:300].decode(errors="replace")
                where = f"{operation.id}: {operation.method} {operation.path}"
                red.append(f"{where}: {answer.status} instead of {expected} {said}")
    assert not red, f"{len(red)} of {len(OPERATIONS)} as {subject.name}:\n" + "\n".join(red)
    record_property("fault", f"authorisation matrix, {subject.name}, management: {len(OPERATIONS)}")


def test_the_table_knows_every_operation(place: tuple[Administration, dict[str, str], int]) -> None:
    """A new operation fails here until it has its rows."""
    administration, _, _ = place
    described = administration.world.api(200, "GET", "openapi.json").json
    there = {each["operationId"] for methods in described["paths"].values() for each in methods.values()}
    assert there == {operation.id for operation in OPERATIONS}
