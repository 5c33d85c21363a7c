"""On what a server under test keeps what it keeps: files, or PostgreSQL and a bucket; in clear, or encrypted.

Promises: a place is made once for a directory of a test, so a server that is started there again finds what it had;
nothing is started for `embedded`. `HOLDFAST_TEST_PAIR` names the pair of every server that no test gives one.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path

import pytest
from tests.backends import database_url
from tests.object_servers import bucket

VARIABLE = "HOLDFAST_TEST_PAIR"


class Pair(StrEnum):
    """A database and a blob store, and whether content is encrypted."""

    EMBEDDED = "embedded"
    SEALED = "sealed"
    CLUSTER = "cluster"
    SEALED_CLUSTER = "sealed-cluster"

    @property
    def distant(self) -> bool:
        """Tell whether it is PostgreSQL and a bucket."""
        return self in (Pair.CLUSTER, Pair.SEALED_CLUSTER)

    @property
    def sealed(self) -> bool:
        """Tell whether content is encrypted."""
        return self in (Pair.SEALED, Pair.SEALED_CLUSTER)


BOTH = (Pair.EMBEDDED, Pair.SEALED_CLUSTER)
"""What the core suites run on: together they have every adapter, and encryption."""


def chosen() -> Pair:
    """Give the pair that the environment names."""
    return Pair(os.environ.get(VARIABLE, Pair.EMBEDDED))


def pairs(*wanted: Pair) -> list[Pair]:
    """Give the pairs of a suite that runs on `wanted`: those, or the one that the environment names."""
    return [chosen()] if VARIABLE in os.environ else list(wanted)


def run_on(metafunc: pytest.Metafunc, wanted: Sequence[Pair], slow: Sequence[Pair] = ()) -> None:
    """Run a test whose servers are made from the fixture `pair` once on each of `wanted`, on `slow` as a slow test."""
    if "pair" in metafunc.fixturenames:
        marked = [pytest.param(pair, marks=pytest.mark.slow if pair in slow else ()) for pair in wanted]
        metafunc.parametrize("pair", marked, ids=str, scope="session")


@cache
def place_of(pair: Pair, directory: Path) -> Mapping[str, str]:
    """Give the settings, as environment variables, of what belongs to `directory`; made afresh at the first call.

    No client is redirected to a bucket unless a flag says so.
    """
    content = {"HOLDFAST_ENCRYPTION_CONTENT": "on" if pair.sealed else "off"}
    if not pair.distant:
        return content if pair.sealed else {}
    made = bucket()
    directory.mkdir(parents=True, exist_ok=True)
    key = directory / "master.key"
    key.write_text(b64encode(os.urandom(32)).decode() + "\n")
    key.chmod(0o600)
    return {
        "HOLDFAST_DATABASE": database_url(),
        "HOLDFAST_STORAGE": made.url,
        "HOLDFAST_STORAGE_REDIRECT": "off",
        "HOLDFAST_ENCRYPTION_KEY_FILE": str(key),
        **content,
        **made.environment,
    }
