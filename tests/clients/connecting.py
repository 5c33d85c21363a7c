"""`holdfast connect` for the tests of clients: typed as the administrator, and what it printed."""

from __future__ import annotations

import re
from pathlib import Path

from tests.clients.programs import Client, Finished
from tests.serving import Server, program


def connect(server: Server, home: Path, target: str, repository: str, *words: str) -> Finished:
    """What `holdfast connect TARGET --repository REPOSITORY WORDS` said, in `home`."""
    home.mkdir(parents=True, exist_ok=True)
    holdfast = Client(program(), home, env=_administrator(server))
    return holdfast("connect", target, "--repository", repository, *words)


def revoke(server: Server, home: Path, said: str) -> None:
    """Type the command that ends what was made, as it was said."""
    words = re.search(r"to revoke it: holdfast (.+)", said)
    assert words is not None, said
    Client(program(), home, env=_administrator(server))(*words[1].split())


def _administrator(server: Server) -> dict[str, str]:
    found = {
        "HOLDFAST_URL": server.url,
        "HOLDFAST_USER": server.admin.username,
        "HOLDFAST_KEY": server.admin.password,
    }
    authority = server.data.parent / "tls" / "ca.crt"
    return {**found, "HOLDFAST_CA_FILE": str(authority)} if server.tls else found
