"""Fixtures of the security tests: an open server, and one with an administrator whose password is known beforehand.

Modules in which the database or the store has a say run on both pairs, most of them on the second one as slow tests;
the others on files: those that look into files in any case.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.pairs import BOTH, Pair, pairs, run_on
from tests.serving import Credentials, Server, running_server
from tests.wire.client import Connection, connected
from tests.wire.seed import sow

PASSWORD = "Planted-Password-4711"
_ON_BOTH = frozenset(
    {
        "test_authorisation",
        "test_federation",
        "test_malformed",
        "test_revocation",
        "test_tokens",
        "test_revocation_access",
        "test_upload_ids",
    }
)
_QUICK = frozenset({"test_tokens", "test_upload_ids"})
_IN_FILES = frozenset({"test_disclosure", "test_secrets", "test_traversal"})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `pair`."""
    name = metafunc.module.__name__.rpartition(".")[2]
    elsewhere = [Pair.EMBEDDED] if name in _IN_FILES else pairs(Pair.EMBEDDED)
    both = pairs(*BOTH)
    # Which rights there are is decided alike on both; what the databases do is the matter of tests/contract.
    run_on(metafunc, both if name in _ON_BOTH else elsewhere, slow=both[1:] if name not in _QUICK else ())


@pytest.fixture(scope="session")
def open_server(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    """Run a server on which everyone may do everything."""
    with running_server(tmp_path_factory.mktemp("open"), "--open", pair=pair) as running:
        yield running


@pytest.fixture(scope="session")
def closed_server(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    """Run a server whose administrator has the password `PASSWORD`, which it never prints."""
    path = tmp_path_factory.mktemp("closed")
    # Cold: what its command line shows is a subject.
    with running_server(path, env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD}, pair=pair, cold=True) as running:
        running.known_admin = Credentials("admin", PASSWORD)
        yield running


@pytest.fixture(scope="session")
def open_sown(open_server: Server) -> Iterator[Connection]:
    """Give a connection to the open server after `seed.SEED` was pushed to it."""
    with connected(open_server.port) as connection:
        sow(connection)
        yield connection


@pytest.fixture(scope="session")
def admin(closed_server: Server) -> Iterator[Connection]:
    """Give the administrator's connection to the closed server after `seed.SEED` was pushed to it."""
    with connected(closed_server.port, {"Authorization": closed_server.admin.basic}) as connection:
        sow(connection)
        yield connection
