"""The sessions of the documents work as written, against a real server."""

from __future__ import annotations

import os
import pty
import shutil
from pathlib import Path

import pytest
from tests.clients import images
from tests.clients.engines import CLASSIC, engine_of
from tests.clients.wire import Wire
from tests.docs import pages
from tests.docs.conftest import Reader
from tests.serving import running_server

_SESSIONS = [page for page in pages.pages() if any(block.programs is not None for block in pages.blocks(page))]


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(pages.ROOT))) for page in _SESSIONS])
def test_sessions_work_as_written(page: Path, reader: Reader) -> None:
    missing: list[str] = []
    for block in pages.blocks(page):
        if block.programs is None:
            continue
        absent = reader.missing(block)
        if absent:
            missing += absent
        else:
            reader.types(block)
    if missing:
        pytest.skip(f"{', '.join(dict.fromkeys(missing))} not on this machine (`make tools` brings the clients)")


def test_a_backup_serves_what_was_backed_up(reader: Reader, tmp_path: Path) -> None:
    page = pages.HOW_TO / "upgrade-and-backup.md"
    for block in pages.blocks(page):
        if block.programs is not None:
            reader.types(block)
    reader.server.stop()
    (tmp_path / "restored").mkdir()
    shutil.copytree(reader.home / "restored", tmp_path / "restored" / "data")
    with running_server(tmp_path / "restored") as restored:
        restored.known_admin = reader.server.admin
        Wire(restored).check("team/seed", images.image("docs"), "1")


@pytest.mark.parametrize("page", ["README.md", "docs/how-to/push-and-pull.md"])
def test_the_docker_session_works_as_written(page: str, reader: Reader) -> None:
    """With an image called alpine that is there already: no other registry is asked. Docker wants a terminal."""
    (block,) = [
        each for each in pages.blocks(pages.ROOT / page) if "docker push" in each.text and each.language == "sh"
    ]
    assert "docker pull alpine\n" in block.text
    with engine_of(CLASSIC) as engine:
        archive = images.write_docker_tar(reader.home / "image.tar", "docs", ["alpine:latest"])
        prepare = block._replace(text=f"docker load -q -i {archive}\n")
        ours = block._replace(text=block.text.replace("docker pull alpine\n", ""))
        where = {"DOCKER_HOST": f"unix://{engine.daemon.socket}"}
        reader.types(prepare, more=where)
        ours_end, dockers_end = pty.openpty()
        try:
            os.write(ours_end, f"{reader.server.admin.password}\n".encode())
            said = reader.types(ours, dockers_end, more=where)
        finally:
            os.close(ours_end)
            os.close(dockers_end)
    assert "Login Succeeded" in said


def test_what_the_first_start_prints_is_what_the_readme_shows(reader: Reader) -> None:
    (shown,) = [block for block in pages.blocks(pages.ROOT / "README.md") if block.language == "text"]
    printed = reader.server.stdout_text().splitlines()
    for said, line in zip(printed, shown.text.splitlines(), strict=False):
        assert said.split(" ")[:1] == line.split(" ")[:1]
