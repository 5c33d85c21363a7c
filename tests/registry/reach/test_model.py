"""Reach against a brute-force reference: random graphs of manifests, parts, subjects and tags, random rights."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.registry.house import SETTINGS, START, WINDOW, Clock, House, Place
from tests.registry.rights import rights

from holdfast.access.policy.decide import TagRights
from holdfast.blobs.memory import MemoryBlobs
from holdfast.oci.name import signed_digest
from holdfast.registry.reach.service import Reach, Target
from holdfast.registry.reach.spans import ANY, Wanted, allowed, refused

NODES = 9
GLOBS = ["*", "a*", "b*", "ab", "a", "b", "*b", "a*b", "ba*", "sha256-*", "sha256-x", "z", "*a*"]
PLAIN = ["a", "ab", "abb", "aab", "b", "ba", "bab", "c", "sha256-x", "sha256-0", "z"]
HORIZON = START - WINDOW

nodes = st.integers(0, NODES - 1)
globs = st.lists(st.sampled_from(GLOBS), max_size=3)


class Tagged(NamedTuple):
    """A tag on a node: now (`ended` 0), or until `ended`. `of`: the node whose digest its name says, None: a name."""

    node: int
    name: str
    of: int | None
    ended: int


class Graph(NamedTuple):
    """Who keeps whom, and which tags are and were on them."""

    edges: frozenset[tuple[int, int]]  # (kept, keeper)
    tags: tuple[Tagged, ...]


tagged = st.builds(
    Tagged,
    nodes,
    st.sampled_from(PLAIN),
    st.none() | st.none() | st.none() | nodes,
    st.sampled_from([0, 0, HORIZON, HORIZON + 1, START - 1, HORIZON - 5]),
)
graphs = st.builds(Graph, st.frozensets(st.tuples(nodes, nodes), max_size=16), st.lists(tagged, max_size=10).map(tuple))


def digest(repo: int, node: int) -> str:
    return "sha256:" + hashlib.sha256(b"%d %d" % (repo, node)).hexdigest()


def name_of(repo: int, tag: Tagged) -> str:
    return tag.name if tag.of is None else digest(repo, tag.of).replace(":", "-") + (".sig" if tag.node % 2 else "")


def reference(graph: Graph, wanted: Wanted, repo: int, start: int) -> bool:
    """The same question, answered by looking at everything."""
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        waiting += [keeper for kept, keeper in graph.edges if kept == node]
        for tag in graph.tags:
            if tag.node == node and (tag.ended == 0 or tag.ended > HORIZON):
                if tag.of is not None:
                    waiting.append(tag.of)
                elif wanted.matches(tag.name):
                    return True
    return False


class Laid:
    """A house in which every example has a repository of its own."""

    def __init__(self, root: Path) -> None:
        self.runner = asyncio.Runner()
        self.house = House(Place(root).target, MemoryBlobs(), SETTINGS, Clock())
        self.repo = 0

    def lay(self, graph: Graph) -> int:
        """Write the rows of a graph; node n is content `repo * 100 + n`."""
        self.repo += 1
        sql, repo = self.house.sql, self.repo
        sql("begin")
        sql("insert into repository (id, path, born, seq, last_at) values (?, ?, 1, 1, 1)", repo, f"r{repo}")
        for node in range(NODES):
            content = repo * 100 + node
            sql("insert into content (id, digest, size, state) values (?, ?, 1, 0)", content, digest(repo, node))
            sql("insert into link (repo_id, content_id, kind, put_at) values (?, ?, ?, 1)", repo, content, node % 3)
        for kept, keeper in sorted(graph.edges):
            sql("insert into edge values (?, ?, ?)", repo, repo * 100 + kept, repo * 100 + keeper)
        for seq, tag in enumerate(graph.tags):
            content, name = repo * 100 + tag.node, name_of(repo, tag)
            if tag.ended:
                sql("insert into tag_event values (?, ?, ?, ?, null, ?)", repo, seq, name, content, tag.ended)
            else:
                sql("delete from tag where repo_id = ? and name = ?", repo, name)
                sql(
                    "insert into tag (repo_id, name, content_id, seq, version_key) values (?, ?, ?, ?, '')",
                    repo,
                    name,
                    content,
                    seq,
                )
        sql("commit")
        return repo


def last_of_each_name(graph: Graph, repo: int) -> Graph:
    """A name is on one node at a time."""
    now = {name_of(repo, tag): tag for tag in graph.tags if not tag.ended}
    return graph._replace(tags=tuple(tag for tag in graph.tags if tag.ended or now[name_of(repo, tag)] is tag))


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laid]:
    found = Laid(tmp_path_factory.mktemp("reach"))
    yield found
    found.runner.run(found.house.close())
    found.runner.close()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=graphs, allow=globs, deny=globs, bound=st.none() | globs, many=st.sampled_from([1, 2, 4, 500]))
def test_reach_is_what_a_look_at_everything_says(
    laid: Laid, graph: Graph, allow: list[str], deny: list[str], bound: list[str] | None, many: int
) -> None:
    repo = laid.lay(graph)
    graph = last_of_each_name(graph, repo)
    reach = Reach(laid.house.db, WINDOW, many)
    tags = rights(*allow, deny=deny, bound=bound)

    async def ask(wanted: Wanted, node: int) -> None:
        found = await reach.leads(laid.house.db, wanted, Target(repo, repo * 100 + node), HORIZON)
        assert found == reference(graph, wanted, repo, node), (wanted.spans, node)

    for node in range(NODES):
        for wanted in (allowed(tags), refused(tags), ANY):
            laid.runner.run(ask(wanted, node))


@settings(max_examples=500, deadline=None)
@given(allow=globs, deny=globs, bound=st.none() | globs, name=st.sampled_from(PLAIN) | st.text("ab._-0Zz", max_size=5))
def test_spans_hold_every_name_that_is_wanted(
    allow: list[str], deny: list[str], bound: list[str] | None, name: str
) -> None:
    tags: TagRights = rights(*allow, deny=deny, bound=bound)
    for wanted in (allowed(tags), refused(tags)):
        assert list(wanted.spans) == sorted(wanted.spans)
        inside = any(span.low <= name < span.high for span in wanted.spans)
        assert inside or not wanted.matches(name)
        for count in (1, 2, 4):
            slots = wanted.slots(count)
            assert len(slots) == count
            assert not inside or any(span.low <= name < span.high for span in slots)


def test_a_tag_belongs_to_a_digest_only_in_the_form_that_clients_write() -> None:
    digest = "sha256-" + "ab" * 32
    for name in (digest, digest + ".sig", digest + ".a.b"):
        assert signed_digest(name) == "sha256:" + "ab" * 32
    for name in (digest[:-1], digest + "0", digest + "-sig", "sha512-" + "ab" * 64, digest.upper(), "v1"):
        assert signed_digest(name) is None
