"""A server, its administrator at a terminal, and what the tests of `holdfast connect` look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.connect.place import PASSWORD, Place
from tests.cli.shell import Shell
from tests.serving import Credentials, Server, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server whose administrator has the password `PASSWORD`."""
    place = tmp_path_factory.mktemp("connect")
    with running_server(place, env={"HOLDFAST_ADMIN_PASSWORD": PASSWORD}) as running:
        running.known_admin = Credentials("admin", PASSWORD)
        yield running


@pytest.fixture
def place(tmp_path: Path, server: Server) -> Place:
    """Be logged in as the administrator."""
    made = Place(server, Shell(tmp_path))
    made.log_in("admin", PASSWORD)
    return made
