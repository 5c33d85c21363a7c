"""The program put together: settings reach the core, a start repeats harmlessly, and foreign parts are refused."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.access.errors import WrongMasterKey
from holdfast.access.master import new_master_key
from holdfast.app.build import build, first_start
from holdfast.app.config import Settings
from holdfast.app.config_kinds import Secret
from holdfast.app.config_record import Collect, Manifests, Pages, Storage, Uploads
from holdfast.app.datadir import DataDirectory
from holdfast.app.registry_settings import registry_settings
from holdfast.blobs.errors import ForeignStore
from holdfast.registry.settings import RegistrySettings


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    found = DataDirectory(tmp_path / "data")
    found.prepare()
    yield found
    found.leave()


def start(directory: DataDirectory, **settings: object) -> str | None:
    return asyncio.run(first_start(Settings(data=directory.root, **settings), directory))  # type: ignore[arg-type]


def test_every_setting_reaches_the_core_in_its_unit() -> None:
    made = registry_settings(
        Settings(
            lease=timedelta(seconds=1),
            window=timedelta(minutes=2),
            collect=Collect(grace=timedelta(milliseconds=3)),
            storage=Storage(reserve=4, inline=5),
            uploads=Uploads(expire=timedelta(hours=6), sessions=7, streams=8),
            manifests=Manifests(sparse_indexes=True),
            pages=Pages(max=9),
        )
    )
    assert made == RegistrySettings(
        lease=1_000_000,
        window=120_000_000,
        grace=3_000,
        reserve=4,
        inline_limit=5,
        upload_expire=21_600_000_000,
        upload_sessions=7,
        upload_streams=8,
        sparse_indexes=True,
        page_limit=9,
    )
    defaults = RegistrySettings()
    assert registry_settings(Settings()) == defaults, "the core's defaults are the program's"
    assert all(getattr(made, field.name) != getattr(defaults, field.name) for field in fields(made)), "none is left out"


def test_the_first_start_tells_a_password_and_later_ones_do_not(directory: DataDirectory) -> None:
    made = start(directory)
    assert made is not None
    assert re.fullmatch(r"\w{24}", made)
    key = directory.master_key.read_text()
    for _ in range(2):
        assert start(directory) is None
    assert directory.master_key.read_text() == key


def test_a_configured_password_is_not_told(directory: DataDirectory) -> None:
    assert start(directory, admin_password=Secret("configured-password")) is None
    other = DataDirectory(directory.root / "other")
    other.prepare()
    with pytest.raises(ValueError, match="at least 12 characters"):
        start(other, admin_password=Secret("short"))


@pytest.fixture
def laid(directory: DataDirectory) -> DataDirectory:
    start(directory)
    return directory


def test_another_master_key_is_refused(laid: DataDirectory) -> None:
    right = laid.master_key.read_text()
    laid.master_key.write_text(new_master_key())
    with pytest.raises(WrongMasterKey, match="put back the key file that belongs to this data"):
        start(laid)
    with pytest.raises(WrongMasterKey):
        asyncio.run(build(Settings(data=laid.root), laid))
    laid.master_key.write_text(new_master_key() + right)
    assert start(laid) is None, "a key that only unwraps is enough"


def test_a_store_of_another_installation_is_refused(laid: DataDirectory, tmp_path: Path) -> None:
    other = DataDirectory(tmp_path / "other")
    other.prepare()
    start(other)
    laid.store = other.store
    for attempt in (lambda: start(laid), lambda: asyncio.run(build(Settings(data=laid.root), laid))):
        with pytest.raises(ForeignStore):
            attempt()


def test_workers_are_built_beside_one_another_and_closed(laid: DataDirectory) -> None:
    settings = Settings(data=laid.root, workers=3)

    async def main() -> None:
        workers = await asyncio.gather(*(build(settings, laid) for _ in range(3)))
        versions = {await each.access.policy_version() for each in workers}
        assert len(versions) == 1
        assert not any(each.access.is_open for each in workers)
        for each in workers:
            await each.close()

    asyncio.run(main())


def test_open_is_open(laid: DataDirectory) -> None:
    async def main() -> bool:
        services = await build(replace(Settings(data=laid.root), open=True), laid)
        await services.close()
        return services.access.is_open

    assert asyncio.run(main())


def test_an_embedded_server_loads_no_library_of_a_cluster() -> None:
    """They would cost a cold start a fifth of its time, and memory in every process."""
    code = "import sys, holdfast.app.server as _; print(*sorted({'asyncpg', 'obstore', 'aiohttp'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "\n"
