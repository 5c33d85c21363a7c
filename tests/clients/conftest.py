"""Fixtures of the client tests: one server for the session, a private home for every client, and the matrix."""

from __future__ import annotations

import itertools
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.engines import Containerd, Engine, containerd_of, engine_of
from tests.clients.matrix import PROPERTY, cells, table
from tests.clients.programs import INSTALLED, SYSTEM, UNSTABLE, Client, Workshop, find, make_home
from tests.clients.wire import Wire
from tests.serving import Server, program, running_server


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark of the matrix."""
    config.addinivalue_line("markers", "cell(client, operation): the cell of the client matrix that this test fills")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Copy every `cell` mark to the properties that reports carry, across processes too."""
    for item in items:
        for mark in item.iter_markers("cell"):
            item.user_properties.append((PROPERTY, "|".join(mark.args)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the matrix."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    found = cells(report for report in reports if isinstance(report, pytest.TestReport))
    if found:
        terminalreporter.section("clients against a real server")
        for line in table(found):
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one server with an admin for all client tests.

    When they are done its log holds no 5xx and no stack, and `holdfast verify --deep` finds nothing.
    """
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running
    log = running.log_text()
    broken = [line for line in log.splitlines() if re.search(r'"status": ?5\d\d|Traceback', line)]
    assert not broken, "\n".join(broken[:20])
    command = [str(program()), "verify", "--deep", "--data", str(running.data)]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr


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
