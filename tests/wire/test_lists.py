"""Tags and catalog: bytewise order, pages, and every element exactly once whatever is written meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from tests.pairs import Pair
from tests.serving import Server, running_server
from tests.wire.always import checked
from tests.wire.client import connected
from tests.wire.content import digest, image, noise
from tests.wire.paging import following
from tests.wire.repository import Repository

CLAMP = 7
CONFIG = noise(80, "config")
IMAGE = image(CONFIG)


@pytest.fixture(scope="module")
def small_pages(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("pages"), "--open", "--pages-max", str(CLAMP), pair=pair) as running:
        yield running


def walk(repository: Repository, target: str | None, key: str) -> list[list[str]]:
    """Every page from `target` on."""
    pages: list[list[str]] = []
    while target is not None:
        answer = repository.expect(200, "GET", target)
        pages.append(answer.json[key])
        target = following(answer)
        assert len(pages) < 1000
    return pages


def tagged(repository: Repository, names: list[str]) -> None:
    """Put one manifest under many tags."""
    repository.blob(CONFIG)
    for at in range(0, len(names), 50):
        query = "&".join(f"tag={name}" for name in names[at : at + 50])
        repository.manifest(IMAGE, f"{digest(IMAGE)}?{query}")


MIXED = [
    "B",
    "a",
    "A",
    "_",
    "Z9",
    "z",
    "1.10",
    "1.9",
    "1.2.0-rc1",
    "1.2.0",
    "latest",
    "a.b",
    "a-b",
    "a_b",
    "aB",
    "ab",
    "0",
]


def test_tags_come_in_bytewise_order(repository: Repository) -> None:
    tagged(repository, MIXED)
    assert repository.expect(200, "GET", "tags/list").json["tags"] == sorted(MIXED)
    for number in range(1, len(MIXED) + 1):
        name = sorted(MIXED)[number - 1]
        answer = repository.expect(200, "GET", f"tags/list?last={name}")
        assert answer.json["tags"] == sorted(MIXED)[number:]


@pytest.mark.parametrize("n", [1, 2, 3, 16, 17, 18])
def test_pages_hold_every_tag_once(repository: Repository, n: int) -> None:
    tagged(repository, MIXED)
    pages = walk(repository, f"{repository.path}/tags/list?n={n}", "tags")
    assert [name for page in pages for name in page] == sorted(MIXED)
    assert all(len(page) == n for page in pages[:-1])
    assert 0 < len(pages[-1]) <= n


@pytest.mark.parametrize("query", ["", "?n=100", "?n=7", "?n=8", "?n=99999999999999999"])
def test_a_page_is_clamped_and_says_so(small_pages: Server, query: str) -> None:
    with connected(small_pages.port) as connection:
        repository = Repository(connection, "clamped/tags")
        tagged(repository, MIXED)
        first = repository.expect(200, "GET", f"tags/list{query}")
        assert first.json["tags"] == sorted(MIXED)[:CLAMP]
        pages = walk(repository, f"{repository.path}/tags/list{query}", "tags")
        assert [name for page in pages for name in page] == sorted(MIXED)
        assert [len(page) for page in pages] == [7, 7, 3]


def test_a_repository_without_tags_has_an_empty_list(repository: Repository) -> None:
    repository.blob(CONFIG)
    repository.manifest(IMAGE)
    for query in ("", "?n=0", "?n=5", "?last=a"):
        answer = repository.expect(200, "GET", f"tags/list{query}")
        assert answer.json == {"name": repository.name, "tags": []}
        assert following(answer) is None


def test_every_tag_that_stays_is_seen_once_during_writes(repository: Repository) -> None:
    stay = [f"stay-{n:03}" for n in range(120)]
    tagged(repository, stay)
    stop = threading.Event()
    failures: list[str] = []

    def churn() -> None:
        with connected(repository.connection.port) as writing:
            other = Repository(writing, repository.name)
            number = 0
            while not stop.is_set() and number < 3000:
                name = f"stay-{number % 120:03}x{number % 7}"
                try:
                    other.manifest(IMAGE, name)
                    other.manifest(IMAGE, stay[number % 120])
                    other.expect(202, "DELETE", f"manifests/{name}")
                except AssertionError as error:
                    failures.append(str(error))
                    return
                number += 1

    writer = threading.Thread(target=churn)
    writer.start()
    try:
        for _ in range(25):
            pages = walk(repository, f"{repository.path}/tags/list?n=9", "tags")
            seen = [name for page in pages for name in page]
            assert seen == sorted(seen)
            assert len(seen) == len(set(seen))
            assert [name for name in seen if "x" not in name] == stay
    finally:
        stop.set()
        writer.join()
    assert not failures


def test_the_catalog_lists_every_repository_once(small_pages: Server) -> None:
    names = ["b", "a", "a/b", "a/b/c", "a-b", "a.b", "z9/long/name", *(f"many/{n:02}" for n in range(20))]
    with connected(small_pages.port) as connection:
        for name in names:
            repository = Repository(connection, f"catalog/{name}")
            repository.blob(CONFIG)
            repository.manifest(IMAGE, "v1")
        root = Repository(connection, "catalog")
        expected = sorted(f"catalog/{name}" for name in names)
        for query in ("last=catalog", "n=1&last=catalog", "n=5&last=catalog", "n=1000&last=catalog"):
            pages = walk(root, f"/v2/_catalog?{query}", "repositories")
            found = [name for page in pages for name in page if name.startswith("catalog/")]
            assert found == expected
            assert all(len(page) <= CLAMP for page in pages)


def test_what_holds_no_manifest_yet_is_in_no_list(repository: Repository) -> None:
    repository.blob(CONFIG)
    repository.expect(404, "GET", "tags/list", code="NAME_UNKNOWN")
    last = repository.name[:-1]
    answer = checked(repository.connection.ask("GET", f"/v2/_catalog?last={last}&n=1"))
    assert repository.name not in answer.json["repositories"]
