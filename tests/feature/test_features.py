"""Features: the program is built without each of them, and nothing that is not theirs is missed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.app.build import Services, build, first_start
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
from holdfast.app.engines import engines
from holdfast.app.features import FEATURES
from holdfast.app.setting_kinds import setting_kinds
from holdfast.app.tasks import schedules, tasks
from holdfast.feature.model import Feature
from holdfast.web.site import Site

PACKAGE = Path(holdfast.__file__).parent
NAMES = [feature.name for feature in FEATURES]


def without(name: str) -> tuple[Feature, ...]:
    return tuple(feature for feature in FEATURES if feature.name != name)


def test_there_are_features_each_with_a_folder_and_a_line() -> None:
    assert FEATURES
    assert len(set(NAMES)) == len(NAMES)
    lines = (PACKAGE / "app" / "features.py").read_text()
    for name in NAMES:
        assert (PACKAGE / name / "feature.py").is_file()
        assert f"from holdfast.{name}.feature import" in lines


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(data=tmp_path / "data", open=True)
    directory = DataDirectory(found.data)
    directory.prepare()
    asyncio.run(first_start(found, directory))
    return found


async def ask(services: Services, method: str, path: str, body: bytes = b"", content: bytes = b"") -> tuple[int, bytes]:
    """A request to the whole program, without a server."""
    sent: list[MutableMapping[str, Any]] = []
    endless = asyncio.Event()
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        await endless.wait()  # then the client has seen enough
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)
        if (b"content-type", b"text/event-stream") in [
            (name, value.partition(b";")[0]) for name, value in message.get("headers", ())
        ]:
            endless.set()

    headers = [(b"host", b"registry.example"), (b"content-length", b"%d" % len(body))]
    scope = {
        "type": "http",
        "method": method,
        "path": path.partition("?")[0],
        "raw_path": path.encode(),
        "query_string": path.partition("?")[2].encode(),
        "headers": [*headers, (b"content-type", content)] if content else headers,
        "http_version": "1.1",
        "root_path": "",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
    room = services.rooms.get(path.split("/")[1])
    if room is None:
        await services.surface(scope, receive, send)
    else:
        await room(scope, receive, send)
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:])


async def described(services: Services) -> dict[str, str]:
    """Every operation of the API, and where it is."""
    status, body = await ask(services, "GET", "/api/v1/openapi.json")
    assert status == 200
    return {
        operation["operationId"]: f"{method.upper()} {path}"
        for path, methods in json.loads(body)["paths"].items()
        for method, operation in methods.items()
    }


def built(settings: Settings, features: Sequence[Feature], scenario: Callable[[Services], Any]) -> Any:
    async def main() -> Any:
        services = await build(settings, DataDirectory(settings.data), features)
        try:
            return await scenario(services)
        finally:
            await services.close()

    return asyncio.run(main())


@pytest.mark.parametrize("name", NAMES)
def test_the_program_without_a_feature_answers_everything_else(settings: Settings, name: str) -> None:
    whole = built(settings, FEATURES, described)

    async def scenario(services: Services) -> None:
        left = await described(services)
        assert set(left) < set(whole), "the feature has routes of its own, and takes nothing else along"
        for operation, where in left.items():
            method, path = where.split(" ")
            status, _ = await ask(services, method, re.sub(r"\{[^}]*\}", "1", path), b"", b"application/json")
            assert status < 500, f"{operation}: {where}"
        for operation in set(whole) - set(left):
            method, path = whole[operation].split(" ")
            status, _ = await ask(services, method, re.sub(r"\{[^}]*\}", "1", path), b"{}", b"application/json")
            assert status in (404, 405), operation
        data = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
        target = "/v2/team/app/manifests/v1"
        assert (await ask(services, "PUT", target, data, b"application/vnd.oci.image.index.v1+json"))[0] == 201
        assert await ask(services, "GET", target) == (200, data)

    built(settings, without(name), scenario)


def shown(services: Services) -> tuple[set[str], dict[str, set[str]], set[str]]:
    """The routes of the pages; what features add to them, each by its kind; and the templates that are there."""
    site = services.rooms["me"]
    assert isinstance(site, Site)
    frame = site._frame
    added = {
        field: {str(getattr(each, "key", "") or f"{each.slot} {each.title}") for each in getattr(frame.added, field)}
        for field in frame.added._fields
    }
    templates = set(frame.templates._environment.list_templates())
    return {f"{route.method} {route.path}" for route in site.routes}, added, templates


@pytest.mark.parametrize("name", NAMES)
def test_without_a_feature_there_is_no_trace_of_it_on_the_pages(tmp_path: Path, name: str) -> None:
    settings = Settings(data=tmp_path / "data")
    directory = DataDirectory(settings.data)
    directory.prepare()
    asyncio.run(first_start(settings, directory))

    async def look(services: Services) -> tuple[set[str], dict[str, set[str]], set[str]]:
        return shown(services)

    routes, added, templates = built(settings, FEATURES, look)
    left_routes, left_added, left_templates = built(settings, without(name), look)
    assert left_routes < routes, "it has pages of its own"
    assert left_templates < templates
    assert all(each.startswith(name) for each in templates - left_templates)
    assert all(left_added[field] <= added[field] for field in added)
    gone = {each for field in added for each in added[field] - left_added[field]}
    assert gone, "it adds something to the pages of the core"
    assert not any(f"/{name}" in route for route in left_routes)


@pytest.mark.parametrize("name", NAMES)
def test_the_jobs_and_settings_of_a_feature_go_with_it(settings: Settings, name: str) -> None:
    async def kinds(features: Sequence[Feature]) -> set[str]:
        async with engines(settings) as opened:
            return set(tasks(settings, opened, features))

    whole, left = asyncio.run(kinds(FEATURES)), asyncio.run(kinds(without(name)))
    assert left < whole
    assert {each.kind for each in schedules(without(name))} <= left
    assert {each.kind for each in schedules()} <= whole
    own = {kind.name for feature in FEATURES if feature.name == name for kind in feature.settings}
    named = {each.name for each in setting_kinds(settings)}
    assert {each.name for each in setting_kinds(settings, without(name))} == named - own


@pytest.mark.parametrize("name", NAMES)
def test_deleting_the_folder_and_the_line_leaves_a_program(tmp_path: Path, name: str) -> None:
    copy = tmp_path / "src" / "holdfast"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(copy / name)
    listing = copy / "app" / "features.py"
    variable = name.upper()
    text = "".join(line for line in listing.read_text().splitlines(keepends=True) if f"holdfast.{name}." not in line)
    listing.write_text(re.sub(rf"\b{variable},?\s*", "", text))
    code = """
import asyncio, importlib, pkgutil, sys
from pathlib import Path
import holdfast
for found in pkgutil.walk_packages(holdfast.__path__, "holdfast."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
from holdfast.app.build import build, first_start
from holdfast.app.config import Settings
from holdfast.app.datadir import DataDirectory
settings = Settings(data=Path(sys.argv[1]), open=True)
directory = DataDirectory(settings.data)
directory.prepare()
async def main():
    await first_start(settings, directory)
    services = await build(settings, directory)
    await services.close()
asyncio.run(main())
print(holdfast.__file__)
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(copy / "__init__.py"), "the copy was tried, not the program itself"
