"""Every file of `deploy/`: nothing of anybody's machine is in it, what it refers to is there, programs can be run."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tests.deploy.proxies import DEPLOY, ROOT
from tests.docs import pages
from tests.docs.test_pages import FOREIGN

from holdfast import __version__
from holdfast.app.config import options

FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
EACH = pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(DEPLOY)) for path in FILES])
# Named in the files and no settings of the program.
OTHERS = {"HOLDFAST_CONFIG"}


@EACH
def test_nothing_of_a_machine_is_in_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    # A container's scratch directory is the same everywhere.
    found = FOREIGN.search(re.sub(r"(?<=[\s\[:\"'])/tmp(?![\w/])", "", text))
    assert found is None, found and found[0]


@EACH
def test_it_is_tidy(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert not re.search(r"[ \t]+$", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 150


@EACH
def test_what_it_refers_to_is_there(path: Path) -> None:
    for name in re.findall(r"\bdocs/[\w/.-]+\.md|\bdeploy/[\w/.-]+\w", path.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name


@EACH
def test_variables_are_settings(path: Path) -> None:
    known = {each.environment for each in options()} | OTHERS
    for name in re.findall(r"\bHOLDFAST_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")):
        assert name in known or name.removesuffix("_FILE") in known, name


@EACH
def test_programs_can_be_run(path: Path) -> None:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    assert first.startswith("#!") == os.access(path, os.X_OK)
    if "python3" in first:
        compile(path.read_text(encoding="utf-8"), str(path), "exec")


def test_versions_are_this_version() -> None:
    for path in FILES:
        for version in re.findall(r"\bholdfast:(\d+\.\d+\.\d+)", path.read_text(encoding="utf-8")):
            assert version == __version__, path


def test_the_page_names_every_directory() -> None:
    text = (pages.HOW_TO / "deploy.md").read_text(encoding="utf-8")
    for path in DEPLOY.iterdir():
        assert f"deploy/{path.name}" in text, path.name
