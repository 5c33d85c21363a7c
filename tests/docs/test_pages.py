"""Every document: links lead somewhere, commands are the program's, nothing of anybody's machine is in it."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from tests.docs import pages

from holdfast import __version__
from holdfast.app.config import options
from holdfast.cli.main import main

PAGES = [pytest.param(page, id=str(page.relative_to(pages.ROOT))) for page in pages.pages()]
# Homes and work places of a machine, addresses of package indexes and of module proxies, and how one names them.
FOREIGN = re.compile(
    r"(?<![\w.~-])/(?:work|root|home|mnt|Users)/|/tmp/|\bpypi\b|\bindex-url\b|\bGOPROXY\b|\bproxy\.golang|/simple/"
    r"|\bf[a]rm-\w|\bmitm|\bsandbox",
    re.IGNORECASE,
)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: Path) -> None:
    for link in pages.links(page):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link}: there is no such file"
        if anchor:
            assert anchor in pages.anchors(target), f"{link}: there is no such heading"


@pytest.mark.parametrize("page", PAGES)
def test_nothing_of_a_machine_is_in_it(page: Path) -> None:
    found = FOREIGN.search(page.read_text(encoding="utf-8"))
    assert found is None, found and found[0]


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_the_programs(page: Path) -> None:
    """Each `holdfast` line of a shell block parses: the verb exists, and its flags do."""
    for block in pages.blocks(page):
        if block.language in ("sh", "console"):
            for line in block.commands:
                _parse(line)


@pytest.mark.parametrize("page", PAGES)
def test_settings_files_hold_settings(page: Path) -> None:
    known = {each.name for each in options()}
    for block in pages.blocks(page):
        if block.language == "toml":
            names = [
                f"{name}.{inner}" if isinstance(value, dict) else name
                for name, value in tomllib.loads(block.text).items()
                for inner in (value if isinstance(value, dict) else [""])
            ]
            assert set(names) <= known


@pytest.mark.parametrize("page", PAGES)
def test_versions_are_this_version(page: Path) -> None:
    named = re.findall(r"\bholdfast-(\d[\w.]*?)-py3|\bHoldfast (\d+\.\d+\.\d+)", page.read_text(encoding="utf-8"))
    assert {wheel or banner for wheel, banner in named} <= {__version__}


def test_every_document_is_in_the_index() -> None:
    index = pages.DOCS / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in pages.links(index)}
    wanted = {page for page in pages.pages() if pages.DOCS in page.parents and page.name != "performance-results.md"}
    assert wanted - linked == {index}


def _parse(line: str) -> None:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return  # the inside of a here-document
    words = words[next((place for place, word in enumerate(words) if "=" not in word), 0) :]
    if words[:1] == ["nohup"]:
        words = words[1:]
    if words[:1] != ["holdfast"] or words == ["holdfast"]:
        return
    words = words[: words.index("|")] if "|" in words else words
    words = words[: words.index("--")] if "--" in words else words
    kept = [word for word in words[1:] if not re.match(r"[<>0-9]*[<>&|]", word)]
    _resolve(main, kept, line)


def _resolve(command: click.Command, words: list[str], line: str) -> None:
    if isinstance(command, click.Group) and words and not words[0].startswith("-"):
        try:
            _, found, rest = command.resolve_command(click.Context(command), words)
        except click.UsageError:
            found, rest = None, []
        assert found is not None, f"{line}: there is no verb {words[0]}"
        _resolve(found, rest, line)
        return
    flags = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help", "-h"}
    for word in words:
        name = word.partition("=")[0]
        assert not name.startswith("-") or name in flags, f"{line}: {command.name} has no {name}"
