"""One installation of three nodes for most tests of several nodes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.nodes import Cluster, balanced, running_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Run three nodes over PostgreSQL and a bucket, with encryption; none of them ever answered 500."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running
        assert not running.trouble()


@pytest.fixture(scope="session")
def front(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run haproxy in front of them; give its port."""
    with balanced(tmp_path_factory.mktemp("front"), cluster.ports) as port:
        yield port
