"""The program as a whole: help that teaches, a version, and no server library where none is needed."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from tests.cli.program import holdfast as run

import holdfast
from holdfast.cli.main import main


def verbs(group: click.Group, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [prefix] if prefix and group.invoke_without_command else []
    for name, command in group.commands.items():
        path = (*prefix, name)
        found += verbs(command, path) if isinstance(command, click.Group) else [path]
    return found


@pytest.mark.parametrize("verb", [(), *verbs(main)], ids=" ".join)
def test_help_teaches_with_examples(tmp_path: Path, verb: tuple[str, ...]) -> None:
    text = run(tmp_path, *verb, "--help").stdout
    assert "Examples:\n" in text
    assert f"holdfast {' '.join(verb)}".rstrip() in text.partition("Examples:")[2]
    assert max(map(len, text.splitlines())) <= 120


def test_version(tmp_path: Path) -> None:
    assert run(tmp_path, "--version").stdout == f"holdfast, version {holdfast.__version__}\n"


def test_an_unknown_verb_is_refused(tmp_path: Path) -> None:
    assert "No such command 'pusj'" in run(tmp_path, "pusj", status=2).stderr


_SERVERS = {
    *("apsw", "asyncpg", "granian", "uvloop", "obstore", "argon2", "cryptography", "joserfc", "authlib", "msgspec"),
    *("fastapi", "starlette", "pydantic", "jinja2", "aiohttp", "structlog", "rich"),
}

LOADED = """
import json, sys
from holdfast.cli.main import main
try:
    main({words!r})
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words",
    [["--help"], ["config"], ["serve", "--help"], ["tls", "init", "--help"], ["me"], ["grant", "list"], ["login", "x"]],
    ids=" ".join,
)
def test_no_server_library_is_loaded_where_none_is_needed(tmp_path: Path, words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(words=words)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}
    assert "click" in loaded
    assert loaded & _SERVERS == set()
