"""`docs/how-to/scale.md` followed to the letter: three nodes behind a proxy on PostgreSQL and S3, on this machine.

The page's commands run in one shell, in their order; only ports are others, so that nothing of this machine is in the
way. As root, PostgreSQL's two programs that refuse root run as its own user.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.programs import INSTALLED, SYSTEM, find, private_environment
from tests.docs.pages import HOW_TO, blocks
from tests.ports import free_port

PAGE = HOW_TO / "scale.md"
MARKER = "<!-- cluster -->"
PROGRAMS = ("versitygw", "haproxy", "crane", "curl")
PORTS = ("5433", "7070", "5001", "5002", "5003", "8080", "5009", "5010")
POSTGRES = "/usr/lib/postgresql/15/bin"
_SECONDS = 600


def steps() -> list[str]:
    """Give the page's commands, one text a block."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [block.text for block in blocks(PAGE) if lines[block.line - 2] == MARKER]


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a directory whose processes are ended with the test, whatever became of it."""
    # Short, and open enough for PostgreSQL's user: the test runner's own directory is neither.
    directory = Path(tempfile.mkdtemp(prefix="hf-scale-", dir="/tmp"))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        for file in directory.rglob("*.pid"):
            text = file.read_text(errors="replace").split()
            if text and text[0].isdigit():
                _end(int(text[0]), directory)
        shutil.rmtree(directory, ignore_errors=True)


def _end(pid: int, directory: Path) -> None:
    """Kill a process that was started in `directory`; its number may be another's by now."""
    try:
        if str(directory) in os.readlink(f"/proc/{pid}/cwd"):
            os.kill(pid, signal.SIGKILL)
    except OSError:
        return


def _postgres(place: Path) -> Path:
    """Give a directory with PostgreSQL's programs; as root, those that refuse root step down."""
    if not Path(POSTGRES).is_dir():
        pytest.skip("PostgreSQL 15 is not on this machine: run `make tools`")
    programs = place / "postgresql"
    programs.mkdir()
    for path in Path(POSTGRES).iterdir():
        (programs / path.name).symlink_to(path)
    if os.geteuid() == 0:
        down = "setpriv --reuid=postgres --regid=postgres --clear-groups"
        for name in ("initdb", "pg_ctl"):
            (programs / name).unlink()
            # The page's user owns what he makes; here PostgreSQL's user must be able to read and write it.
            text = f'#!/bin/sh\nchown postgres . *.password\nexec {down} {POSTGRES}/{name} "$@"\n'
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
    return programs


@pytest.mark.slow
def test_the_page_gives_a_cluster(place: Path) -> None:
    for name in PROGRAMS:
        find(name, *INSTALLED, *SYSTEM)
    script = "\n".join(steps())
    assert POSTGRES in script
    script = script.replace(POSTGRES, str(_postgres(place)))
    for port in PORTS:
        assert re.search(rf"\b{port}\b", script), port
        script = re.sub(rf"\b{port}\b", str(free_port()), script)
    more = [str(find(name, *INSTALLED, *SYSTEM).parent) for name in PROGRAMS]
    environment = private_environment(place)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), *more, environment["PATH"]])
    (place / "tmp").mkdir()
    if "PYTHONPATH" in os.environ:
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    with (place / "said").open("wb") as out:
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", script],
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            timeout=_SECONDS,
            check=False,
        )
    said = (place / "said").read_text(errors="replace")
    logs = "".join(
        f"\n--- {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in (place / "cluster").glob("*.log")
    )
    assert done.returncode == 0, f"{said[-3000:]}{logs}"
    listed = [line.split() for line in said.splitlines() if "alive" in line]
    assert [words[2] for words in listed].count("serve") == 3, said
    assert [words[2] for words in listed].count("worker") == 1, said
    assert said.count("PASS: ") == 3, said
    assert "FAILED" not in said
    # What was pushed through one node and pulled through another is the same image.
    command = ["tar", "-xOf", str(place / "cluster" / "hello.tar"), "manifest.json"]
    (manifest,) = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)
    assert len(manifest["Layers"]) == 1


def test_the_picture_can_be_read_in_light_and_dark() -> None:
    path = HOW_TO / "scale.svg"
    root = ElementTree.parse(path).getroot()
    text = path.read_text(encoding="utf-8")
    assert root.get("role") == "img"
    assert "prefers-color-scheme: dark" in text
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert {"title", "desc"} <= names
    assert not {"script", "image", "foreignObject"} & names
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
