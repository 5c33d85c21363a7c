"""Fixtures of the client tests: one server for the session, a private home for every client, and the matrix.

Every test runs on files; those of `_ON_ALL`, which push and pull in each client's own way, also on PostgreSQL and a
bucket: encrypted, and in clear, where clients are redirected to the bucket.
"""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.engines import Containerd, Engine, containerd_of, engine_of
from tests.clients.matrix import PROPERTY
from tests.clients.programs import INSTALLED, SYSTEM, UNSTABLE, Client, Workshop, find, make_home
from tests.clients.wire import Wire
from tests.faults.oracle import verify
from tests.pairs import BOTH, Pair, pairs, run_on
from tests.serving import Server, running_server

_ON_ALL = {
    "test_skopeo": {"test_push", "test_pull", "test_copy_of_all_architectures"},
    "test_crane": {"test_push_of_a_layout", "test_pull_gives_the_bytes", "test_validate_of_an_index"},
    "test_docker": {"test_push", "test_pull", "test_second_push_mounts_the_layers"},
    "test_containerd": {"test_push_of_an_index", "test_pull_of_every_platform"},
    "test_podman_family": {"test_podman_push", "test_podman_pull_of_an_index"},
    "test_oras": {"test_push_and_pull_of_files", "test_recursive_copy", "test_attach_and_discover", "test_blobs"},
    "test_regctl": {"test_import_of_a_layout", "test_export", "test_copy_with_referrers", "test_blobs"},
    "test_helm": {"test_push_and_pull"},
    "test_cosign": {"test_sign_and_verify_a_bundle", "test_attest"},
}
_PAIRS = (*BOTH, Pair.CLUSTER)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `pair`."""
    module = metafunc.module.__name__.rpartition(".")[2]
    if module == "test_redirects":
        run_on(metafunc, [Pair.CLUSTER])
        return
    on_all = metafunc.function.__name__ in _ON_ALL.get(module, ())
    run_on(metafunc, pairs(*_PAIRS) if on_all else pairs(Pair.EMBEDDED))


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark of the matrix."""
    config.addinivalue_line("markers", "cell(client, operation): the cell of the client matrix that this test fills")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Copy every `cell` mark to the properties that reports carry, across processes too."""
    for item in items:
        for mark in item.iter_markers("cell"):
            item.user_properties.append((PROPERTY, "|".join(mark.args)))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    """Run one server with an admin for all client tests.

    When they are done its log holds no 5xx and no stack, nobody was redirected to what is encrypted, and `holdfast
    verify --deep` finds nothing.
    """
    flags = ("--storage-redirect", "on") if pair.distant else ()
    with running_server(tmp_path_factory.mktemp("server"), *flags, pair=pair) as running:
        yield running
    lines = running.log_text().splitlines()
    broken = [line for line in lines if re.search(r'"status": ?5\d\d|Traceback', line)]
    assert not broken, "\n".join(broken[:20])
    assert pair is Pair.CLUSTER or not any(re.search(r'"status": ?307', line) for line in lines)
    verify(running.data, "--deep", env=running.env)


@pytest.fixture(scope="session")
def wire(server: Server) -> Wire:
    """Talk to the server without a client."""
    return Wire(server)


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """Give a repository of the test's own: `clients/`, the module's name and the test's."""
    module = request.node.path.stem.removeprefix("test_").replace("_", "-")
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return f"clients/{module}-{name}"


@pytest.fixture
def short_path() -> Iterator[Path]:
    """Give a temporary directory with a short name: sockets and podman's run root have a limit."""
    with tempfile.TemporaryDirectory(prefix="hf-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


@pytest.fixture
def workshop(short_path: Path, server: Server) -> Workshop:
    """Make clients for this test, see `programs.Workshop`."""
    numbers = itertools.count()

    def make(
        name: str, *always: str, unstable: bool = False, system: bool = False, login: bool = True, **env: str
    ) -> Client:
        places = UNSTABLE if unstable else SYSTEM if system else INSTALLED
        path = find(name, *places)
        home = make_home(short_path / str(next(numbers)), server.host, server.admin if login else None)
        return Client(path, home, always, env)

    return make


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Run the Docker engine that the test's parameter names (see `engines.ENGINES`)."""
    with engine_of(request.param) as running:
        yield running


@pytest.fixture(scope="session")
def containerd(request: pytest.FixtureRequest) -> Iterator[Containerd]:
    """Run the containerd that the test's parameter names (see `engines.CONTAINERDS`)."""
    with containerd_of(request.param) as running:
        yield running
