"""The measure of pages: each is asked of a registry that holds what it shows."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest
from bench.inside import Visitor, make
from bench.pages import _SOMEBODY, PAGES, Cost, fill, measure, report
from bench.shelves import CROWDED, SOME, Shelves

from holdfast.app.build import build
from holdfast.app.config import Settings
from holdfast.app.config_kinds import Secret
from holdfast.app.datadir import DataDirectory

ADMIN = ("admin", "pass phrase of the bench")


def laid(place: Path, tags: int) -> Settings:
    settings = Settings(data=place / str(tags), admin_password=Secret(ADMIN[1]))
    asyncio.run(fill(settings, Shelves(tags)))
    return settings


def test_pages_hold_what_they_are_asked_for(tmp_path: Path) -> None:
    async def looked(settings: Settings) -> dict[str, str]:
        services = await build(settings, DataDirectory(settings.data))
        try:
            await make(services.rooms, ADMIN, "/users", {"name": _SOMEBODY[0], "password": _SOMEBODY[1]})
            grant = {"subject": f"user:{_SOMEBODY[0]}", "role": "reader", "scope": SOME}
            await make(services.rooms, ADMIN, "/grants", grant)
            found = {}
            for name, password in (ADMIN, _SOMEBODY):
                visitor = Visitor(services.rooms)
                await visitor.sign_in(name, password)
                for path in (
                    "/n?view=flat&sort=-tags",
                    f"/r/{CROWDED}/-/tags?sort=name",
                    f"/r/{CROWDED}/-/tags?q=v0.0.5",
                ):
                    answer = await visitor.look(path)
                    found[f"{name} {path}"] = gzip.decompress(answer.body).decode()
            return found
        finally:
            await services.close()

    for tags in (10, 1_000):
        found = asyncio.run(looked(laid(tmp_path, tags)))
        for asked, text in found.items():
            assert ("crowded" if "/n?" in asked else "v0.0.1" if "name" in asked else "v0.0.5") in text, asked


def test_every_page_is_measured_at_both_sizes(tmp_path: Path) -> None:
    few, many = (asyncio.run(measure(laid(tmp_path, tags), 2)) for tags in (10, 200))
    assert few.keys() == many.keys()
    assert len(many) == len(PAGES) + sum(page.everybody for page in PAGES)
    assert all(cost.sent and cost.statements and len(cost.times) == 2 for cost in many.values())
    assert report(few, many, 200).count("\n") > len(many)


def test_what_is_slow_is_named() -> None:
    fast, slow = Cost(1, 1, [1.0], 1.0), Cost(1, 1, [250.0], 1.0)
    assert report({"a": fast, "b": fast}, {"a": fast, "b": slow}, 20).endswith("Above 200 ms at p95: b.")


@pytest.mark.parametrize("tags", [10, 1_000])
def test_half_of_the_tags_are_in_one_repository(tags: int) -> None:
    assert 2 * Shelves(tags).half == tags
    assert Shelves(tags).others * 10 == tags
