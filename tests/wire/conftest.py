"""Fixtures of the wire tests: one open server, one with an administrator, and a repository of each test's own.

Every test runs on files, and on PostgreSQL and a bucket with encryption.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.pairs import BOTH, Pair, pairs, run_on
from tests.serving import Server, running_server
from tests.wire.client import Connection, connected
from tests.wire.repository import Repository
from tests.wire.seed import sow


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `pair`."""
    run_on(metafunc, pairs(*BOTH))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    """Run one server on which everyone may do everything."""
    with running_server(tmp_path_factory.mktemp("open"), "--open", pair=pair) as running:
        yield running


@pytest.fixture(scope="session")
def closed_server(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    """Run one server that knows its administrator alone."""
    with running_server(tmp_path_factory.mktemp("closed"), pair=pair) as running:
        yield running


@pytest.fixture(scope="session")
def sown(server: Server) -> Iterator[Connection]:
    """Give a connection to the open server after `seed.SEED` was pushed to it."""
    with connected(server.port) as connection:
        sow(connection)
        yield connection


@pytest.fixture
def connection(server: Server) -> Iterator[Connection]:
    """Give a connection to the open server."""
    with connected(server.port) as made:
        yield made


@pytest.fixture
def repository(request: pytest.FixtureRequest, connection: Connection) -> Repository:
    """Give a repository of the test's own on the open server: the module's name and the test's."""
    module = request.node.path.stem.removeprefix("test_").replace("_", "-")
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:150]
    return Repository(connection, f"{module}/{name}")
